/** Repeats work until it succeeds, except where the same answer would come again. */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '@tidemark/db';
import { isRefused } from './clickhouse-server.ts';
import { errors } from './errors.ts';
import type { Observe } from './events.ts';

const FIRST_MS = 100;
const LONGEST_MS = 5_000;

/** SQLSTATE classes of a server that restarts, is full, or ended the transaction for another's sake. */
const TEMPORARY_CLASSES: readonly string[] = ['08', '40', '53', '57', '58'];
/** Errors of our own that say how the sink was set up. */
const OWN = /^CLICKHOUSE_(?!POOL_)/;

function isLasting(error: unknown): boolean {
  if (isRefused(error)) return true;
  if (error instanceof PostgresError) return !TEMPORARY_CLASSES.includes(error.code.slice(0, 2));
  return (
    error instanceof TypeError ||
    error instanceof SyntaxError ||
    (error instanceof TidemarkError && OWN.test(error.code))
  );
}

export class Retry {
  readonly #observe: Observe;
  readonly #stopping: AbortSignal;

  constructor(observe: Observe, stopping: AbortSignal) {
    this.#observe = observe;
    this.#stopping = stopping;
  }

  /** @throws CLICKHOUSE_STOPPED when the sink stops first, and errors that would be the same again */
  async run<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const value = await work();
        if (attempt > 1) this.#observe({ type: 'sink.recovered', attempts: attempt });
        return value;
      } catch (error) {
        if (this.#stopping.aborted) throw errors.STOPPED({}, { cause: error });
        if (isLasting(error)) throw error;
        if (attempt === 1) this.#observe({ type: 'sink.retrying', error: error as Error });
        await this.#pause(Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1)));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#stopping.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#stopping.addEventListener('abort', end, { once: true });
    });
  }
}
