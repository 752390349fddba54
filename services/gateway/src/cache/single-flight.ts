import type { Client } from '@tidemark/db';
import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';
import type { Audience } from './audience.ts';
import type { CachedAnswer, Filled } from './cached-answer.ts';

interface InFlight {
  readonly audience: Audience;
  readonly tables: ReadonlySet<string>;
  readonly shared: Promise<Filled<CachedAnswer> | undefined>;
}

export class SingleFlight {
  readonly #waitMs: number;
  /** As many as there are running statements, which the pools bound. */
  readonly #inFlight = new Map<string, InFlight>();

  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  join<A extends CachedAnswer>(key: string, client: Client): Promise<Filled<A> | undefined> | undefined {
    const inFlight = this.#inFlight.get(key);
    // The statement of a read without clients is being cancelled.
    if (inFlight?.audience.isGone) return undefined;
    inFlight?.audience.add(client);
    return inFlight && (this.#within(inFlight.shared) as Promise<Filled<A> | undefined>);
  }

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

  dropTable(table: string): void {
    for (const [key, inFlight] of this.#inFlight) if (inFlight.tables.has(table)) this.#inFlight.delete(key);
  }

  clear(): void {
    this.#inFlight.clear();
  }

  #within<T>(shared: Promise<T>): Promise<T> {
    const fallback = () => {
      throw errors.CACHE_WAIT({ ms: this.#waitMs });
    };
    return pTimeout(shared, { milliseconds: this.#waitMs, fallback });
  }
}
