/** Follows a promoted replica: after each poll that finds one, promotion.ts decides, and all connections move at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Probe } from '../connection/probe.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import type { PrimaryWatcher } from '../routing/primary-watcher.ts';
import type { ReplicaWatcher } from '../routing/replica-watcher.ts';
import { encodeStatement } from '../sql/param.ts';
import { LAST_EPOCH, mintScript } from './epoch.ts';
import { judgePromotion } from './promotion.ts';

const MINT_TIMEOUT_MS = 5_000;
const SETTLE_MS = 1_000;
const SETTLE_POLL_MS = 50;
const EPOCH = encodeStatement({ text: `select epoch from (${LAST_EPOCH}) as e` });

export interface Server {
  url: string;
  target: ConnectionTarget;
}

export interface FailoverInit {
  primary: PrimaryWatcher;
  server: Server;
  replicas: Server[];
  watchers: ReplicaWatcher[];
  settings: Readonly<Record<string, string>>;
  failoverAfterMs: number;
  observe: (event: DbEvent) => void;
  /** Moves the pools; `from` takes the place of the replica `index`. */
  onMove(to: Server, from: Server, index: number): void;
}

export class Failover {
  readonly #init: FailoverInit;
  #server: Server;
  readonly #replicas: Server[];
  #reason: string | undefined;
  #moving: Promise<void> | undefined;
  #stopped = false;

  constructor(init: FailoverInit) {
    this.#init = init;
    this.#server = init.server;
    this.#replicas = [...init.replicas];
  }

  get server(): Server {
    return this.#server;
  }

  get replicas(): readonly Server[] {
    return this.#replicas;
  }

  async settle(): Promise<void> {
    const { primary, watchers, failoverAfterMs } = this.#init;
    const deadline = performance.now() + failoverAfterMs + SETTLE_MS;
    await this.consider();
    while (primary.error !== undefined && watchers.some(({ promoted }) => promoted) && performance.now() < deadline) {
      await sleep(SETTLE_POLL_MS);
      await this.consider();
    }
  }

  async consider(): Promise<void> {
    if (this.#moving !== undefined || this.#stopped) return await this.#moving;
    const { primary, watchers, observe, failoverAfterMs } = this.#init;
    const promoted = watchers.map((watcher) => watcher.promoted);
    if (promoted.every((server) => server === undefined)) return;
    const judgement = judgePromotion(primary, promoted, failoverAfterMs);
    if (judgement.kind === 'stay') {
      if (judgement.reason !== this.#reason) observe({ type: 'db.promotion_ignored', reason: judgement.reason });
      this.#reason = judgement.reason;
      return;
    }
    const to = this.#replicas[judgement.index]!;
    this.#moving = this.#move(judgement.index, judgement.mint, promoted[judgement.index]!.timeline)
      // The next poll tries again: the server may be gone as well, or the insert came too early.
      .catch((error: Error) => observe({ type: 'db.promotion_failed', to: to.target.label, error }))
      .finally(() => {
        this.#moving = undefined;
      });
    await this.#moving;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#moving;
  }

  async #move(index: number, mint: boolean, timeline: number): Promise<void> {
    const { primary, watchers, observe, onMove } = this.#init;
    const to = this.#replicas[index]!;
    const from = this.#server;
    const epoch = await this.#epochOf(to, mint, timeline, watchers[index]!.promoted?.epoch);
    if (this.#stopped) return;
    // The rest runs without a pause, so that nothing is sent to either server in between.
    this.#server = to;
    this.#replicas[index] = from;
    onMove(to, from, index);
    primary.moveTo(to.target, timeline, epoch);
    for (const [at, watcher] of watchers.entries()) watcher.moveTo(this.#replicas[at]!.target);
    this.#reason = undefined;
    observe({ type: 'db.primary_moved', from: from.target.label, to: to.target.label, timeline, epoch });
    await primary.refresh();
  }

  async #epochOf(to: Server, mint: boolean, timeline: number, last: string | undefined): Promise<string> {
    const probe = new Probe('failover', to.target, this.#init.settings);
    try {
      if (mint) await probe.run(mintScript(last ?? '', `promoted: timeline ${timeline}`), MINT_TIMEOUT_MS);
      const [row] = await probe.ask([EPOCH], MINT_TIMEOUT_MS);
      if (row?.epoch == null) throw errors.NOT_MIGRATED({ server: to.target.label });
      return row.epoch;
    } finally {
      probe.close();
    }
  }
}
