/**
 * A live query: an async iterator of events, and an array of rows that stays up to date.
 *
 *   for await (const event of live) …
 *   live.onChange((rows) => …); live.rows; live.close()
 *
 * It starts with its first use. It ends with `close()`, with the loop that iterates, or with an error.
 */
import { TidemarkError } from '../errors.ts';
import type { LiveConnections } from './connections.ts';
import type { LiveEvent, LiveStatus } from './event.ts';
import { EventQueue } from './event-queue.ts';
import type { FollowedQuery } from './followed-query.ts';
import type { Follower, Following } from './followed-query-types.ts';
import { notify } from './notify.ts';

export interface LiveOptions {
  /** `every` change (default), or the `latest` state of each row, with at most one frame an interval. */
  mode?: 'every' | 'latest';
  /** Default true. False: only new changes, and no `rows`. */
  snapshot?: boolean;
  /** Position of an earlier event, or a tidemark: starts with the changes after it in place of a snapshot. */
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

  /** The current rows; the same array until the next change. Empty before the first snapshot. */
  get rows(): readonly Row[] {
    return (this.#query?.rows ?? []) as readonly Row[];
  }

  get status(): LiveStatus {
    return this.#status;
  }

  /** Set while the status is `failed`. */
  get error(): TidemarkError | undefined {
    return this.#query?.error;
  }

  /** Calls the listener with all rows after each transaction that changed them. @returns a function that removes the listener */
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
   * Resolves once the query is live: with a snapshot, `rows` is complete. Waits while the server is unreachable.
   * @throws TidemarkError of the failure, or of the fifth refusal in a row; after refusals the query still retries
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
        // onStatus calls the listener before it returns `stop`.
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

  /** A loop that reads too slowly receives a new snapshot in place of the events that its queue dropped. */
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
    // follow() calls the follower for a query that is already followed.
    this.#query = this.#connection.follow(this.#asked, this.#follower);
  }

  #received(events: readonly LiveEvent<Row>[]): void {
    for (const queue of this.#queues) queue.push(events);
    // During follow(), `#query` is not set yet.
    queueMicrotask(() => {
      notify(this.#listeners, this.rows, events);
    });
  }

  #moved(status: LiveStatus): void {
    this.#status = status;
    queueMicrotask(() => {
      notify(this.#statusListeners, status, this.error);
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
  new TidemarkError({ code: 'CLIENT_CLOSED', message: 'the live query is closed', hint: 'Create another live query.' });
