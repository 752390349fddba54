import { formatLsn, type Lsn, parseLsn, type ReplicaStats } from '@tidemark/contracts';
import type { Probe } from '../connection/probe.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import type { DbEvent } from '../events.ts';
import { LAST_EPOCH, SYSTEM, TIMELINE } from '../failover/epoch.ts';
import type { PromotedServer } from '../failover/promotion.ts';
import { encodeStatement } from '../sql/param.ts';
import type { Activity } from './activity.ts';
import { PollLoop } from './poll-loop.ts';
import { IDLE_POLL_MS, type PrimaryWatcher } from './primary-watcher.ts';
import {
  nextReplicaHealth,
  type ReplicaHealth,
  type ReplicaLimits,
  type ReplicaPoll,
  UNPOLLED,
} from './replica-health.ts';

const POLL_MS = 250;
/** Interval while a read waits for a tidemark. */
const FAST_POLL_MS = 5;
/** A paused or unreachable replica is ejected after this time. */
const POLL_TIMEOUT_MS = 1_000;
/** Reads that may wait for one replica; further ones go to the primary at once. */
const MAX_WAITERS = 1_000;

/** The epoch tells the history that a replica follows: one that missed a promotion lacks the present epoch. */
const POSITION = encodeStatement({
  text: `select pg_last_wal_replay_lsn()::text as replayed, pg_is_in_recovery() as standby,
                (select epoch from (${LAST_EPOCH}) as e) as epoch`,
});
const PROMOTED = encodeStatement({
  text: `select ${TIMELINE} as timeline, ${SYSTEM} as "systemIdentifier", e.epoch, e.timeline as "epochTimeline"
         from (${LAST_EPOCH}) as e`,
});

interface Waiter {
  lsn: Lsn;
  done: (reached: boolean) => void;
}

export interface ReplicaWatcherEvents {
  /** Statements that have waited on the replica for longer than this will not be answered either. */
  unreachable(stalledMs: number, reason: string): void;
  moved(replayed: Lsn): void;
  promoted(): void;
}

export interface ReplicaWatcherInit {
  name: string;
  probe: Probe;
  primary: PrimaryWatcher;
  activity: Activity;
  limits: ReplicaLimits;
  observe: (event: DbEvent) => void;
  on: ReplicaWatcherEvents;
}

export class ReplicaWatcher {
  readonly name: string;
  /** Position of the last poll: every statement that starts from now on sees at least it. */
  replayed: Lsn = 0n;
  promoted: PromotedServer | undefined;
  #health: ReplicaHealth = UNPOLLED;
  #checkedAt = Date.now();
  #moves = 0;
  /** Its position when a read waited for it in vain: until it moves on, no read waits for it again. */
  #stuckAt: Lsn = -1n;
  readonly #waiters = new Set<Waiter>();
  readonly #probe: Probe;
  readonly #primary: PrimaryWatcher;
  readonly #limits: ReplicaLimits;
  readonly #observe: (event: DbEvent) => void;
  readonly #on: ReplicaWatcherEvents;
  readonly #loop: PollLoop;

  constructor({ name, probe, primary, activity, limits, observe, on }: ReplicaWatcherInit) {
    this.name = name;
    this.#probe = probe;
    this.#primary = primary;
    this.#limits = limits;
    this.#observe = observe;
    this.#on = on;
    this.#loop = new PollLoop(
      () => this.#poll(),
      () => {
        if (this.#waiters.size > 0) return FAST_POLL_MS;
        return activity.look() && this.isHealthy ? IDLE_POLL_MS : POLL_MS;
      },
    );
    probe.onLost = () => void this.#loop.now();
  }

  get isHealthy(): boolean {
    return this.#health.healthy;
  }

  get isMoving(): boolean {
    return this.#health.healthy && this.replayed > this.#stuckAt && this.#waiters.size < MAX_WAITERS;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Null when the primary's position is not known. 0 when nothing is left to replay, however long ago the last write was. */
  get lagMs(): number | null {
    const latest = this.#primary.snapshotLsn.latest;
    if (latest === undefined) return null;
    if (this.replayed >= latest.lsn) return 0;
    const passedAt = this.#primary.snapshotLsn.passedAt(this.replayed);
    return passedAt === undefined ? 0 : performance.now() - passedAt;
  }

  poll(): Promise<void> {
    return this.#loop.now();
  }

  /** Resolves to true once it has replayed `lsn`; to false after `ms`, or when it is ejected meanwhile. */
  reaches(lsn: Lsn, ms: number): Promise<boolean> {
    if (this.replayed >= lsn) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (reached: boolean) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const waiter: Waiter = { lsn, done };
      const timer = setTimeout(() => {
        this.#stuckAt = this.replayed;
        done(false);
      }, ms);
      this.#waiters.add(waiter);
      void this.poll();
    });
  }

  suspect(): void {
    void this.#loop.now();
  }

  stats(): ReplicaStats {
    const known = this.replayed > 0n;
    const lagMs = this.lagMs;
    const behind = this.#primary.flushed - this.replayed;
    return {
      name: this.name,
      healthy: this.#health.healthy,
      reason: this.#health.reason,
      replayedLsn: known ? formatLsn(this.replayed) : null,
      lagBytes: known && this.#primary.flushed > 0n ? Number(behind > 0n ? behind : 0n) : null,
      lagMs: known ? lagMs : null,
      checkedAt: this.#checkedAt,
    };
  }

  moveTo(target: ConnectionTarget): void {
    this.#moves++;
    this.#probe.moveTo(target);
    this.replayed = 0n;
    this.promoted = undefined;
    this.#stuckAt = -1n;
    this.#note({ type: 'failed', reason: 'the primary has changed; it was not reached since' });
  }

  async stop(): Promise<void> {
    this.#probe.close();
    for (const waiter of [...this.#waiters]) waiter.done(false);
    await this.#loop.stop();
  }

  async #poll(): Promise<void> {
    const moves = this.#moves;
    try {
      const [answer] = await this.#probe.ask([POSITION], POLL_TIMEOUT_MS);
      const promoted = answer!.standby === true ? undefined : (await this.#probe.ask([PROMOTED], POLL_TIMEOUT_MS))[0];
      if (moves !== this.#moves) return;
      if (promoted !== undefined) {
        this.promoted = promoted as unknown as PromotedServer;
        this.#note({ type: 'promoted', timeline: this.promoted.timeline });
        this.#on.promoted();
        return;
      }
      this.promoted = undefined;
      const { epoch } = this.#primary;
      // Epochs sort as text. A later epoch is no fault: the primary's next poll brings it.
      if (epoch !== undefined && (answer!.epoch ?? '') < epoch) {
        this.#note({ type: 'failed', reason: `it has not replayed the epoch "${epoch}" yet` });
        return;
      }
      // Null before the first record was replayed.
      this.replayed = answer!.replayed === null ? 0n : parseLsn(answer!.replayed);
      this.#note({ type: 'position', lagMs: this.lagMs });
      this.#on.moved(this.replayed);
    } catch (error) {
      if (moves !== this.#moves) return;
      this.promoted = undefined;
      const reason = (error as Error).message;
      this.#note({ type: 'failed', reason });
      this.#on.unreachable(POLL_TIMEOUT_MS / 2, reason);
    }
  }

  #note(poll: ReplicaPoll): void {
    this.#checkedAt = Date.now();
    const before = this.#health;
    this.#health = nextReplicaHealth(before, poll, this.#limits);
    if (before.healthy && !this.#health.healthy) {
      this.#observe({ type: 'db.replica_unhealthy', replica: this.name, reason: this.#health.reason ?? 'unknown' });
    } else if (!before.healthy && this.#health.healthy) {
      this.#observe({ type: 'db.replica_healthy', replica: this.name });
    }
    for (const waiter of [...this.#waiters]) {
      if (!this.#health.healthy) waiter.done(false);
      else if (this.replayed >= waiter.lsn) waiter.done(true);
    }
  }
}
