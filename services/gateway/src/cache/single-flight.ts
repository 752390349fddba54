/** Reads under way, so that equal ones are one statement: who comes second waits for the first, and no longer than `waitMs`. */
import type { Client } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { Audience } from './audience.ts';
import type { CachedAnswer, Filled } from './cached-answer.ts';

interface InFlight {
  readonly audience: Audience;
  readonly tables: ReadonlySet<string>;
  /** Undefined where the answer is nobody else's. */
  readonly shared: Promise<Filled<CachedAnswer> | undefined>;
}

export class SingleFlight {
  readonly #waitMs: number;
  /** As many as there are statements under way, which the pools bound. */
  readonly #inFlight = new Map<string, InFlight>();

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** What an equal read brings; undefined where none is under way. @throws what that read throws, GATEWAY_CACHE_WAIT */
  join<A extends CachedAnswer>(key: string, client: Client): Promise<Filled<A> | undefined> | undefined {
    const inFlight = this.#inFlight.get(key);
    // Its statement is being cancelled.
    if (inFlight?.audience.isGone) return undefined;
    inFlight?.audience.add(client);
    return inFlight && (this.#within(inFlight.shared) as Promise<Filled<A> | undefined>);
  }

  /** Until it lands, equal reads share it, where it turns out to be for all of them. */
  start<A extends CachedAnswer>(
    key: string,
    tables: ReadonlySet<string>,
    filled: Promise<Filled<A>>,
    isForAll: (filled: Filled<A>) => boolean,
    audience: Audience,
  ): void {
    const shared = filled.then((result) => (isForAll(result) ? result : undefined));
    const inFlight: InFlight = { audience, tables, shared };
    this.#inFlight.set(key, inFlight);
    const end = () => {
      if (this.#inFlight.get(key) === inFlight) this.#inFlight.delete(key);
    };
    shared.then(end, end);
  }

  /** Who asks from now on asks after a change of the table. */
  dropTable(table: string): void {
    for (const [key, inFlight] of this.#inFlight) if (inFlight.tables.has(table)) this.#inFlight.delete(key);
  }

  clear(): void {
    this.#inFlight.clear();
  }

  async #within<T>(shared: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(errors.CACHE_WAIT({ ms: this.#waitMs })), this.#waitMs);
    });
    try {
      return await Promise.race([shared, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
