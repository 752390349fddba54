/**
 * What a subscriber must be able to do with nothing but the protocol: keep the rows of a query, resume where it was, start
 * afresh when it is told to, and never show half a transaction. It notes whatever does not fit. Used by the tests and by the
 * fault lab.
 *
 *   connecting ──ready──► subscribing ──subscribed──► following ──► (connection lost) ──► connecting
 *                              ▲                          │
 *                              └── resync, error ─────────┘
 */
import { LIVE_SUBPROTOCOL, type LiveChange, type ServerFrame } from '@tidemark/contracts';
import { WebSocket } from 'ws';

export type Row = Record<string, unknown>;
type RowMap = ReadonlyMap<unknown, Row>;

export interface ModelClientOptions {
  /** `ws://…` of an instance; asked before each connection. */
  url(): string;
  /** With `id` among its columns, which is the key. */
  query: string;
  /** Called after each transaction that was applied whole, and after each snapshot. */
  onWhole?(rows: RowMap): void;
}

/** Between attempts to connect or to subscribe, ms. */
const RETRY_MS = 50;
/** One that says nothing for so long, be it its answer to a subscription, is left for another, ms. */
const SILENCE_MS = 5_000;

export class ModelClient {
  readonly rows = new Map<unknown, Row>();
  readonly query: string;
  resumes = 0;
  snapshots = 0;
  connections = 0;
  readonly resyncs: string[] = [];
  readonly refusals: string[] = [];
  /** Changes that do not fit what is held: a repetition, or a gap. */
  readonly surprises: string[] = [];
  #options: ModelClientOptions;
  #ws: WebSocket | undefined;
  /** Behind the last whole transaction; undefined without a snapshot to go on from. */
  #position: string | undefined;
  #subscription = 0;
  #topic: number | undefined;
  /** How the subscription began. */
  #from = '';
  /** Behind a snapshot's own position, what was committing meanwhile may come again (PROTOCOL.md, F8). */
  #mayRepeat = false;
  #atSnapshot = false;
  /** Of a transaction that goes on. */
  #kept: LiveChange[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopped = true;

  constructor(options: ModelClientOptions) {
    this.#options = options;
    this.query = options.query;
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#ws?.terminate();
  }

  /** Loses the connection, and with `forget` what it knew. */
  drop(forget: boolean): void {
    if (forget) this.#position = undefined;
    this.#ws?.terminate();
  }

  #connect(): void {
    if (this.#stopped) return;
    this.#topic = undefined;
    const ws = new WebSocket(`${this.#options.url()}/live`, LIVE_SUBPROTOCOL, { handshakeTimeout: SILENCE_MS });
    this.#ws = ws;
    this.connections += 1;
    ws.on('message', (data) => {
      if (this.#ws === ws && !this.#stopped) this.#receive(JSON.parse(String(data)) as ServerFrame);
    });
    // The close that follows tells.
    ws.on('error', () => {});
    ws.on('close', () => {
      if (this.#ws === ws) this.#later(() => this.#connect());
    });
  }

  #later(step: () => void, ms: number = RETRY_MS): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(step, ms);
  }

  #subscribe(): void {
    this.#kept = [];
    this.#topic = undefined;
    this.#subscription += 1;
    const base = { op: 'subscribe', id: `s${this.#subscription}`, query: this.query };
    if (this.#position !== undefined) {
      this.#from = `resumed after ${this.#position}`;
      this.#mayRepeat = this.#atSnapshot;
      this.#send({ ...base, after: this.#position });
    } else {
      this.#from = 'after a snapshot';
      this.#mayRepeat = false;
      this.rows.clear();
      this.#send({ ...base, snapshot: true });
    }
    this.#later(() => this.#ws?.terminate(), SILENCE_MS);
  }

  #send(frame: object): void {
    if (this.#ws?.readyState === WebSocket.OPEN) this.#ws.send(JSON.stringify(frame));
  }

  #receive(frame: ServerFrame & { more?: boolean }): void {
    if (frame.op === 'ready') this.#subscribe();
    else if (frame.op === 'subscribed') {
      clearTimeout(this.#timer);
      if (frame.id !== `s${this.#subscription}`) return;
      this.#topic = frame.topic;
      if (this.#position === undefined) this.snapshots += 1;
      else this.resumes += 1;
    } else if (frame.op === 'error') this.#refused(frame);
    else if ('topic' in frame && frame.topic === this.#topic) {
      if (frame.op === 'resync') {
        this.resyncs.push(frame.reason);
        this.#position = undefined;
        this.#subscribe();
      } else if (frame.op === 'snapshot') this.#snapshot(frame.rows, frame.done, frame.position);
      else if (frame.op === 'changes') this.#changes(frame.changes, frame.more === true, frame.position);
    }
  }

  #refused({ code, retry, id }: ServerFrame & { op: 'error' }): void {
    if (id !== `s${this.#subscription}`) return;
    this.refusals.push(`${code}${retry ? '' : ' (not to be retried)'}`);
    this.#topic = undefined;
    this.#later(() => this.#subscribe());
  }

  #snapshot(rows: readonly Row[], done: boolean, position: string | undefined): void {
    for (const row of rows) this.rows.set(row.id, row);
    if (!done) return;
    this.#position = position;
    this.#atSnapshot = true;
    this.#options.onWhole?.(this.rows);
  }

  #changes(changes: readonly LiveChange[], more: boolean, position: string): void {
    this.#kept.push(...changes);
    if (more) return;
    for (const change of this.#kept) this.#apply(change);
    this.#kept = [];
    this.#position = position;
    this.#atSnapshot = false;
    this.#options.onWhole?.(this.rows);
  }

  #apply({ type, row, old }: LiveChange): void {
    const id = old?.id ?? row?.id;
    const shouldHold = type === 'update' || type === 'leave' || type === 'delete';
    if (this.rows.has(id) !== shouldHold && !this.#mayRepeat) {
      this.surprises.push(`${this.#from}: ${type} ${JSON.stringify(row ?? old)}`);
    }
    if (old) this.rows.delete(old.id);
    if (type !== 'delete' && type !== 'leave' && row) this.rows.set(row.id, row);
  }
}

const sorted = (row: Row) => Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The same text for the same rows, whatever the order of rows and columns; `id` is a number. */
export function rowsText(rows: Iterable<Row>): string {
  return JSON.stringify([...rows].sort((a, b) => Number(a.id) - Number(b.id)).map(sorted));
}
