/**
 * A subscriber that uses only the protocol: it keeps the rows of a query, resumes from its position, takes a new snapshot when
 * the server asks for one, and never shows half a transaction. It records every message that does not fit. The tests and the
 * fault lab use it.
 *
 *   connecting ──ready──► subscribing ──subscribed──► following ──► (connection lost) ──► connecting
 *                              ▲                          │
 *                              └── resync, error ─────────┘
 *
 * An event stream is one subscription by itself: it goes from connecting to following, and back at a resync.
 */
import type { LiveChange, ServerFrame } from '@tidemark/contracts';
import { HeldRows, type Row, rowsText } from './held-rows.ts';
import { type Line, openEvents, openSocket } from './line.ts';

export interface ModelClientOptions {
  url(): string;
  /** The columns include `id`, which is the key. */
  query: string;
  mode?: 'every' | 'latest';
  /** The query is a window, whose rows have an order. */
  window?: boolean;
  transport?: 'socket' | 'events';
  token?(): Promise<string>;
  /** Returns whether the client may see a row that was sent. */
  mayShow?(row: Row, sent: Sent): boolean;
  /** Called for a refusal that must not be retried. The client then drops its rows, and tries again after `refusedMs`. */
  onRefused?(code: string, message: string, askedAt: number): void;
  refusedMs?: number;
  /** Allows a change to arrive again after a snapshot, which may come from a replica ahead of the relay (PROTOCOL.md, F4). */
  mayRepeat?: boolean;
  /** Called after each whole transaction and each snapshot. */
  onWhole?(rows: ReadonlyMap<unknown, Row>): void;
}

export interface Sent {
  readonly askedAt: number;
  readonly isOld: boolean;
}

const RETRY_MS = 50;
/** An answer to a subscription counts; then the client connects to another instance. */
const SILENCE_MS = 5_000;
/** Maximum number of notes of each kind. */
const MAX_NOTES = 100;

const epochOf = (position: string) => position.split('-')[0];

export class ModelClient {
  readonly query: string;
  resumes = 0;
  snapshots = 0;
  connections = 0;
  refreshes = 0;
  readonly resyncs: string[] = [];
  readonly refusals: string[] = [];
  /** Changes that do not fit the held rows: a repetition, a gap, another epoch. */
  readonly surprises: string[] = [];
  /** Rows that the client got and may not see. */
  readonly leaks: string[] = [];
  #options: ModelClientOptions;
  #held: HeldRows;
  #line: Line | undefined;
  /** The position behind the last whole transaction; undefined before the first snapshot. */
  #position: string | undefined;
  #subscription = 0;
  #topic: number | undefined;
  #askedAt = 0;
  #againMs = RETRY_MS;
  #from = '';
  #inSnapshot = false;
  #kept: LiveChange[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;

  constructor(options: ModelClientOptions) {
    this.#options = options;
    this.#held = new HeldRows({ mode: options.mode ?? 'every', window: options.window ?? false });
    this.query = options.query;
  }

  get rows(): ReadonlyMap<unknown, Row> {
    return this.#held.byKey;
  }

  text(): string {
    return rowsText(this.rows.values(), this.#options.window);
  }

  get state(): string {
    const waits = this.#topic === undefined ? 'asks' : this.#inSnapshot ? 'reads a snapshot' : 'follows';
    const ms = Math.round(performance.now() - this.#askedAt);
    return `${waits} ${this.#from}, asked ${ms} ms ago, is at ${this.#position}, has ${this.#kept.length} changes of a part`;
  }

  start(): void {
    this.#stopped = false;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#line?.cut();
  }

  drop(forget: boolean): void {
    if (forget) this.#position = undefined;
    this.#line?.cut();
  }

  /** Sends a new token of the same user; an event stream connects again. */
  async refresh(): Promise<void> {
    const { token, transport } = this.#options;
    if (!token) return;
    this.refreshes += 1;
    if (transport === 'events') this.drop(false);
    else this.#line?.send({ op: 'auth', token: await token() });
  }

  async #connect(): Promise<void> {
    const { transport, url, token, query, mode = 'every' } = this.#options;
    const bearer = await token?.();
    if (this.#stopped) return;
    this.#topic = undefined;
    const isCurrent = () => !this.#stopped && this.#line === line;
    let isWelcome = false;
    const events = {
      onFrame: (frame: ServerFrame) => {
        if (!isCurrent()) return;
        if (frame.op !== 'ready') this.#receive(frame);
        // A later `ready` answers a refreshed token.
        else if (!isWelcome) {
          isWelcome = true;
          this.#subscribe();
        }
      },
      onEnd: () => {
        if (isCurrent()) this.#later(() => void this.#connect(), this.#againMs);
      },
    };
    this.connections += 1;
    const line: Line =
      transport === 'events'
        ? openEvents(url(), bearer, { query, mode, after: this.#begin() }, events)
        : openSocket(url(), bearer, events);
    this.#line = line;
    if (transport === 'events') this.#silence();
  }

  #later(step: () => void, ms: number = RETRY_MS): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(step, ms);
  }

  #silence(): void {
    this.#later(() => this.#line?.cut(), SILENCE_MS);
  }

  /** @returns the position to resume after; undefined when the client needs a snapshot */
  #begin(): string | undefined {
    this.#kept = [];
    this.#topic = undefined;
    this.#inSnapshot = false;
    this.#askedAt = performance.now();
    this.#from = this.#position === undefined ? 'after a snapshot' : `resumed after ${this.#position}`;
    return this.#position;
  }

  #subscribe(): void {
    this.#subscription += 1;
    const { mode = 'every' } = this.#options;
    const after = this.#begin();
    const from = after === undefined ? { snapshot: true } : { after };
    this.#line?.send({ op: 'subscribe', id: `s${this.#subscription}`, query: this.query, mode, ...from });
    this.#silence();
  }

  #isOurs(id: string | undefined): boolean {
    return this.#options.transport === 'events' || id === `s${this.#subscription}`;
  }

  #receive(frame: ServerFrame & { more?: boolean }): void {
    if (frame.op === 'subscribed') {
      if (!this.#isOurs(frame.id)) return;
      clearTimeout(this.#timer);
      this.#againMs = RETRY_MS;
      this.#topic = frame.topic;
      this.#held.key = frame.key;
      if (this.#position === undefined) this.snapshots += 1;
      else this.resumes += 1;
    } else if (frame.op === 'error') this.#refused(frame);
    else if ('topic' in frame && frame.topic === this.#topic) {
      if (frame.op === 'resync') this.#resync(frame.reason);
      else if (frame.op === 'snapshot') this.#snapshot(frame.rows, frame.done, frame.position);
      else if (frame.op === 'changes') this.#changes(frame.changes, frame.more === true, frame.position);
    }
  }

  #resync(reason: string): void {
    this.resyncs.push(reason);
    this.#position = undefined;
    if (this.#options.transport === 'events') this.#line?.cut();
    else this.#subscribe();
  }

  #refused({ code, message, retry, id }: ServerFrame & { op: 'error' }): void {
    // An expired token ends the connection; the next one has a new token.
    if (!this.#isOurs(id) || code === 'RT_TOKEN_EXPIRED') return;
    this.refusals.push(`${code}${retry ? '' : ' (not to be retried)'}`);
    this.#topic = undefined;
    const { transport, onRefused, refusedMs = RETRY_MS } = this.#options;
    if (!retry) {
      this.#held.byKey.clear();
      this.#position = undefined;
      onRefused?.(code, message, this.#askedAt);
    }
    this.#againMs = retry ? RETRY_MS : refusedMs;
    if (transport === 'events') this.#line?.cut();
    else this.#later(() => this.#subscribe(), this.#againMs);
  }

  #snapshot(rows: readonly Row[], done: boolean, position: string | undefined): void {
    if (!this.#inSnapshot) this.#held.byKey.clear();
    this.#inSnapshot = !done;
    for (const row of rows) {
      this.#look(row, false);
      this.#held.put(row);
    }
    if (!done) return;
    this.#position = position;
    this.#options.onWhole?.(this.rows);
  }

  #changes(changes: readonly LiveChange[], more: boolean, position: string | undefined): void {
    for (const { row, old } of changes) {
      if (row) this.#look(row, false);
      // The old row has more columns than the key.
      if (old && Object.keys(old).length > this.#held.key.length) this.#look(old, true);
    }
    this.#kept.push(...changes);
    if (more) return;
    for (const problem of this.#held.apply(this.#kept, this.#options.mayRepeat ?? false))
      this.#note(this.surprises, problem);
    if (this.#position !== undefined) {
      if (!position || position < this.#position) this.#note(this.surprises, `back to ${position}`);
      else if (epochOf(position) !== epochOf(this.#position)) this.#note(this.surprises, `on to ${position}`);
    }
    this.#kept = [];
    this.#position = position;
    this.#options.onWhole?.(this.rows);
  }

  #look(row: Row, isOld: boolean): void {
    if (this.#options.mayShow?.(row, { askedAt: this.#askedAt, isOld }) === false)
      this.#note(this.leaks, `sent: ${JSON.stringify(row)}`);
  }

  #note(list: string[], what: string): void {
    if (list.length < MAX_NOTES) list.push(`${this.query} (${this.#from}): ${what}`);
  }
}
