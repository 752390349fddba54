/**
 * Starts servers again that ended by themselves. A server that ended for want of disk space is started once there is space
 * again, however long that takes; one that ends again and again for another reason is given up.
 *
 *   running ──ended──► waiting ──space and a pause──► starting ──ready──► running
 *                         ▲                              │ failed
 *                         └──────────────────────────────┘ (not for space: at most MAX_FAILURES within FAILURES_MS)
 */
import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import { saysDiskFull } from './postgres-log.ts';
import type { ServerProcess, UnexpectedExit } from './server-process.ts';

/** Postgres does not start, or ends at once, without space for two WAL segments of 16 MB. */
export const LEAST_FREE_BYTES = 48 * 1024 ** 2;
const LOOK_EVERY_MS = 1_000;
const FIRST_PAUSE_MS = 500;
const STOP_WAIT_MS = 5_000;
const MAX_FAILURES = 5;
const FAILURES_MS = 60_000;

export interface SupervisorOptions {
  report: (line: string) => void;
  onGivenUp: (exit: UnexpectedExit) => void;
  freeBytes?: (folder: string) => number;
}

type Supervised = Pick<ServerProcess, 'what' | 'dataDir'>;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #freeBytes: (folder: string) => number;
  readonly #failures = new Map<string, number[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#freeBytes = options.freeBytes ?? freeBytesOf;
  }

  restart(node: Supervised, exit: UnexpectedExit, start: () => Promise<void>): void {
    if (this.#stopping.signal.aborted) return;
    const work: Promise<void> = this.#restart(node, exit, start)
      .catch((error: Error) => {
        // An abort only means that the stack is being stopped.
        if (!this.#stopping.signal.aborted) this.#options.onGivenUp({ ...exit, log: error.message });
      })
      .finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  hasSpace(node: Supervised): boolean {
    return this.#freeBytes(node.dataDir) >= LEAST_FREE_BYTES;
  }

  /** Prevents further restarts. A restart under way gets a moment to reach a state in which it can be stopped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await pTimeout(Promise.all(this.#running), { milliseconds: STOP_WAIT_MS, message: false });
  }

  async #restart(node: Supervised, exit: UnexpectedExit, start: () => Promise<void>): Promise<void> {
    const { report, onGivenUp } = this.#options;
    let failure = exit;
    let isFull = saysDiskFull(exit.log) || !this.hasSpace(node);
    for (let attempt = 0; ; attempt += 1) {
      if (isFull) await this.#space(node);
      else if (this.#failedTooOften(node.what)) return onGivenUp(failure);
      else report(`${node.what} ended (code ${exit.code}); starting it again`);
      await this.#pause(Math.min(FIRST_PAUSE_MS * 2 ** attempt, 10_000));
      try {
        await start();
        report(`${node.what} runs again`);
        return;
      } catch (error) {
        const { message, details } = error as Error & { details?: string };
        failure = { ...exit, log: details ?? message };
        isFull = (error as { code?: string }).code === 'STACK_DISK_FULL' || !this.hasSpace(node);
      }
    }
  }

  async #space(node: Supervised): Promise<void> {
    const free = Math.floor(this.#freeBytes(node.dataDir) / 1024 ** 2);
    this.#options.report(
      `${node.what} ended for want of disk space (${free} MB free at ${node.dataDir}); it starts again when there is space`,
    );
    while (!this.hasSpace(node)) await this.#pause(LOOK_EVERY_MS);
  }

  #failedTooOften(what: string): boolean {
    const now = Date.now();
    const recent = (this.#failures.get(what) ?? []).filter((at) => now - at < FAILURES_MS);
    this.#failures.set(what, [...recent, now]);
    return recent.length >= MAX_FAILURES;
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#stopping.signal });
  }
}

function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
