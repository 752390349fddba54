/**
 * A live query as the program holds it: an async iterator of events, and an array that is kept.
 *
 *   for await (const event of live) …
 *   live.onChange((rows) => …); live.rows; live.close()
 *
 * It begins with its first use, and ends with `close()`, with the loop that iterates, or with an error that says why.
 */
import { TidemarkError } from '../errors.ts';
import type { LiveConnections } from './connections.ts';
import type { LiveEvent, LiveStatus } from './event.ts';
import { EventQueue } from './event-queue.ts';
import type { FollowedQuery } from './following.ts';
import type { Follower, Following } from './following-types.ts';
import { tell } from './tell.ts';

export interface LiveOptions {
  /** `every` change (default), or the `latest` state of each row, at most one frame in an interval. */
  mode?: 'every' | 'latest';
  /** Without: only changes from now on, and no `rows`. */
  snapshot?: boolean;
  /** A position of an earlier event, or a tidemark: the changes behind it, in place of a snapshot. */
  after?: string;
}

type AnyRow = Record<string, unknown>;

export class LiveQuery<Row> implements AsyncIterable<LiveEvent<Row>> {
  #connection: LiveConnections;
  #asked: Following;
  #listeners = new Set<(rows: readonly Row[], events: readonly LiveEvent<Row>[]) => void>();
  #statusListeners = new Set<(status: LiveStatus, error: TidemarkError | undefined) => void>();
  #queues = new Set<EventQueue<LiveEvent<Row>>>();
  #query: FollowedQuery | undefined;
  #status: LiveStatus = 'connecting';
  #follower: Follower = {
    events: (events) => this.#received(events as readonly LiveEvent<Row>[]),
    status: (status) => this.#moved(status),
  };

  constructor(connection: LiveConnections, asked: Following) {
    this.#connection = connection;
    this.#asked = asked;
  }

  /** As the last event left them; the same array until the next change. Empty before the first snapshot. */
  get rows(): readonly Row[] {
    return (this.#query?.rows ?? []) as readonly Row[];
  }

  get status(): LiveStatus {
    return this.#status;
  }

  /** Why it has failed. */
  get error(): TidemarkError | undefined {
    return this.#query?.error;
  }

  /** Called with all rows after each transaction that changed them. @returns how to stop that */
  onChange(listener: (rows: readonly Row[], events: readonly LiveEvent<Row>[]) => void): () => void {
    this.#listeners.add(listener);
    if (this.#query) {
      if (this.#status === 'live') listener(this.rows, []);
    } else this.#start();
    return () => this.#listeners.delete(listener);
  }

  onStatus(listener: (status: LiveStatus, error: TidemarkError | undefined) => void): () => void {
    this.#statusListeners.add(listener);
    listener(this.#status, this.error);
    return () => this.#statusListeners.delete(listener);
  }

  /**
   * Resolves once it is live: with a snapshot, `rows` is complete. While the server cannot be reached it waits; a server that keeps
   * refusing is tried on, but told of here.
   * @throws what it fails with, or was refused with five times in a row
   */
  async ready(): Promise<this> {
    this.#start();
    await new Promise<void>((resolve, reject) => {
      const stop = this.onStatus((status, error) => {
        if (status === 'live') resolve();
        else if (status === 'failed') reject(error);
        else if (status === 'closed') reject(closedError());
        else if (this.#query?.refusals.tooMany) reject(this.#query.refusals.tooMany);
        else return;
        // It may be told before it can be stopped.
        queueMicrotask(() => stop());
      });
    });
    return this;
  }

  close(): void {
    if (this.#status === 'closed') return;
    if (this.#query) this.#connection.leave(this.#query, this.#follower);
    this.#moved('closed');
  }

  /** One that reads too slowly is told of a fresh snapshot in place of what its queue did not hold. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent<Row>, void, undefined> {
    const queue = new EventQueue<LiveEvent<Row>>(() => this.#insteadOfMissed());
    this.#queues.add(queue);
    try {
      if (this.#query && this.#asked.snapshot && this.#status === 'live') queue.push([this.#snapshot()]);
      this.#start();
      if (this.error) queue.fail(this.error);
      yield* queue.take();
    } finally {
      this.#queues.delete(queue);
      if (this.#queues.size === 0 && this.#listeners.size === 0) this.close();
    }
  }

  #start(): void {
    if (this.#status === 'closed') throw closedError();
    if (this.#query) return;
    // Followers of the same query get what is there during the call.
    this.#query = this.#connection.follow(this.#asked, this.#follower);
  }

  #received(events: readonly LiveEvent<Row>[]): void {
    for (const queue of this.#queues) queue.push(events);
    // During follow(), the query is not known here yet.
    queueMicrotask(() => {
      tell(this.#listeners, this.rows, events);
    });
  }

  #moved(status: LiveStatus): void {
    this.#status = status;
    queueMicrotask(() => {
      tell(this.#statusListeners, status, this.error);
      if (status === 'failed') for (const queue of this.#queues) queue.fail(this.error as TidemarkError);
      if (status !== 'closed') return;
      for (const queue of this.#queues) queue.end();
      this.#listeners.clear();
      this.#statusListeners.clear();
    });
  }

  #snapshot(reason?: string): LiveEvent<Row> {
    return (this.#query as FollowedQuery).snapshotEvent(reason) as LiveEvent<AnyRow> as LiveEvent<Row>;
  }

  #insteadOfMissed(): LiveEvent<Row> {
    const reason = 'events were read too slowly';
    return this.#asked.snapshot ? this.#snapshot(reason) : { type: 'gap', reason };
  }
}

const closedError = () =>
  new TidemarkError({ code: 'CLIENT_CLOSED', message: 'the live query is closed', hint: 'Make another one.' });
