/**
 * One connection: a `postgres({ max: 1 })` client that is thrown away the moment its socket closes.
 *
 * Every statement gets a promise of ours, since a backend that dies can leave the driver's unsettled. Statements that are
 * sent in one tick stay contiguous on the wire and are answered in order.
 */
import type net from 'node:net';
import postgres from 'postgres';
import { errors } from '../errors.ts';
import { type EncodedStatement, encodeStatement } from '../sql/param.ts';
import type { Row, Rows } from '../types.ts';
import { AnswerBudget, type AnswerBytes } from './answer-budget.ts';
import { AnswerMeter } from './answer-meter.ts';
import { type ConnectionEvent, type ConnectionState, nextConnectionState } from './connection-state.ts';
import { driverOptions } from './driver-options.ts';
import { secretOf, sendScript, sendStatement } from './driver-query.ts';
import { type Done, type Pending, PendingQueries } from './pending-queries.ts';
import { fromDriver } from './postgres-error.ts';
import { PreparedBudget } from './prepared-budget.ts';
import { PreparedTexts } from './prepared-texts.ts';
import type { RecentTexts } from './recent-texts.ts';
import { connectSocket } from './socket.ts';
import type { ConnectionTarget } from './url.ts';

const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

/** The role that a session rests in between transactions: its own user, or `tidemark_none`, which may do nothing. */
export type Rest = 'own' | 'none';

export interface ConnectionOptions {
  pool: string;
  target: ConnectionTarget;
  /** Start-up settings of the session. */
  settings: Readonly<Record<string, string>>;
  rest: Rest;
  statementTimeoutMs: number;
  connectTimeoutMs: number;
  /** Bytes that prepared statements may take in the backend; default: no limit, for connections that send only our own texts. */
  preparedBytes?: number;
  /** Shared by the connections of a pool: only texts that repeat are prepared. Default: all are. */
  recent?: RecentTexts;
  /** Default: one of its own. */
  answers?: AnswerBudget;
  /** Called once, when the connection is no more; `pending` statements were rejected with it. No error: it was closed. */
  onGone: (connection: PooledConnection, pending: number, error: Error | undefined) => void;
}

/** A connection's socket in use by someone else than the driver. */
export interface LentSocket {
  socket: net.Socket;
  giveBack: () => void;
  /** The server is not stalled. */
  answered: () => void;
}

let generations = 0;

export class PooledConnection {
  readonly generation: number = ++generations;
  readonly openedAt: number = performance.now();
  /** Of this session, as last set. */
  rest: Rest;
  statementTimeoutMs: number;
  idleSince: number = performance.now();
  retireAt: number = Number.POSITIVE_INFINITY;
  pid = 0;
  /** For a cancel request; 0 when unknown. */
  secret = 0;
  readonly answers: AnswerBudget;
  /** The bytes of the answers since the connection last had nothing to answer. */
  readonly answer: AnswerBytes & { key: string | undefined } = { bytes: 0, taken: 0, key: undefined };
  #state: ConnectionState = 'connecting';
  readonly #options: ConnectionOptions;
  readonly #sql: postgres.Sql;
  readonly #pending = new PendingQueries();
  readonly prepared: PreparedBudget;
  readonly #texts: PreparedTexts;
  /** How often the schema has changed, for what keeps prepared statements of its own on this connection. */
  schemaChanges = 0;
  readonly #abort = new AbortController();
  #socket: net.Socket | undefined;
  #connecting = false;
  #isCorked = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.answers = options.answers ?? new AnswerBudget();
    this.rest = options.rest;
    this.statementTimeoutMs = options.statementTimeoutMs;
    const { preparedBytes } = options;
    this.prepared = new PreparedBudget(preparedBytes ?? Number.POSITIVE_INFINITY, preparedBytes !== undefined);
    this.#texts = new PreparedTexts(this.prepared, options.recent);
    this.#sql = postgres(driverOptions(options.target, options.settings, () => this.#connect()));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get target(): ConnectionTarget {
    return this.#options.target;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** False when it is due to be replaced: too old, or no room for more prepared statements. */
  get isFresh(): boolean {
    return !this.prepared.isFull && performance.now() < this.retireAt;
  }

  /** Rejects with DB_CONNECT_FAILED, or the server's own refusal (a PostgresError); the connection is gone then. */
  async open(): Promise<void> {
    const { connectTimeoutMs, target } = this.#options;
    const timer = setTimeout(() => {
      this.discard(errors.CONNECT_FAILED({ server: target.label, reason: `no answer within ${connectTimeoutMs} ms` }));
    }, connectTimeoutMs);
    try {
      const rows = await this.send<{ pid: number }>(BEGIN_SESSION, 0);
      this.pid = rows[0]?.pid ?? 0;
      this.secret = secretOf(rows);
      this.move('connected');
    } catch (error) {
      this.discard(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** False when the connection is gone. Throws on a transition that the state machine does not have: a defect of the pool. */
  move(event: ConnectionEvent): boolean {
    const next = nextConnectionState(this.#state, event);
    if (next === null) throw new TypeError(`connection ${this.generation}: ${event} while ${this.#state}`);
    this.#state = next;
    return next !== 'gone';
  }

  /** `timeoutMs` is the client's limit; 0 is none. */
  send<R extends Row = Row>(statement: EncodedStatement, timeoutMs: number): Promise<Rows<R>> {
    return new Promise((resolve, reject) => {
      this.submit(statement, timeoutMs, (rows, error) =>
        rows === undefined ? reject(error!) : resolve(rows as Rows<R>),
      );
    });
  }

  /** Sent in this very tick; `done` is called once, at the latest when the connection is discarded. */
  submit(statement: EncodedStatement, timeoutMs: number, done: Done): void {
    const pending = this.#register(timeoutMs, done);
    if (pending === undefined) return;
    const preparation = statement.prepare ? this.#texts.use(statement.text) : 'alone';
    this.#cork();
    sendStatement(this.#sql, statement, preparation, (rows, error) =>
      this.#settle(pending, statement.text, rows, error),
    );
  }

  /** Several statements in one text, by the simple protocol: migrations. */
  script(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending = this.#register(0, (rows, error) => (rows === undefined ? reject(error!) : resolve()));
      if (pending !== undefined) sendScript(this.#sql, text, (rows, error) => this.#settle(pending, text, rows, error));
    });
  }

  /** The socket, for a protocol that the driver does not speak (stream/): nothing else may be pending. `done` hears of its loss. */
  lend(timeoutMs: number, done: Done): LentSocket | undefined {
    const pending = this.#register(timeoutMs, done);
    if (pending === undefined || this.#socket === undefined) return undefined;
    return {
      socket: this.#socket,
      giveBack: () => this.#pending.remove(pending),
      answered: () => {
        pending.sentAt = performance.now();
      },
    };
  }

  /** The socket, for a pipeline; undefined when it is not connected yet. */
  get socket(): net.Socket | undefined {
    return this.#socket;
  }

  /** A statement that the pipeline sends itself. False: it was told that the connection is gone. */
  add(pending: Pending, timeoutMs: number): boolean {
    if (this.#state === 'gone' || this.#state === 'closing') {
      pending.done(undefined, this.#lostError('it was closed before', NOT_SENT));
      return false;
    }
    this.#pending.add(pending, timeoutMs);
    return true;
  }

  /** It was answered. False: it was rejected before, with its connection. */
  remove(pending: Pending): boolean {
    return this.#pending.remove(pending);
  }

  /** Of the statement that has waited longest. */
  get oldest(): Pending | undefined {
    return this.#pending.oldest;
  }

  /** True when the oldest statement should have been answered by now. */
  isOverdue(now: number): boolean {
    const { oldest } = this;
    return oldest !== undefined && oldest.deadline < now;
  }

  /** How long the oldest statement has waited for its answer; 0 when none does. */
  stalledMs(now: number): number {
    const { oldest } = this;
    return oldest === undefined ? 0 : now - oldest.sentAt;
  }

  /** Ends the connection at once; what is pending is rejected with `error`. `isWanted`: that is no fault to be reported. */
  discard(error: Error, isWanted = false): void {
    if (this.#state === 'gone') return;
    const wasClosing = isWanted || this.#state === 'closing';
    this.move('lost');
    const pending = this.#pending.takeAll();
    this.answers.end(this.answer);
    this.#abort.abort();
    this.#socket?.destroy();
    for (const entry of pending) entry.done(undefined, error);
    this.#options.onGone(this, pending.length, wasClosing ? undefined : error);
  }

  /** When idle, says goodbye to the server, which frees the backend without a line in its log. When busy, on release. */
  close(): void {
    if (this.#state === 'connecting') {
      this.discard(this.#lostError('the pool closed it', NOT_SENT));
      return;
    }
    if (this.#state === 'closing') return;
    this.move('retire');
    this.#sayGoodbye();
  }

  /** The holder is done. True when the connection can be used again. */
  release(): boolean {
    this.move('release');
    this.idleSince = performance.now();
    this.#sayGoodbye();
    return this.#state === 'idle';
  }

  /** Each statement is prepared anew when it is run next. */
  forgetStatements(): void {
    this.#texts.forgetAll();
    this.schemaChanges++;
  }

  #sayGoodbye(): void {
    if (this.#state === 'closing') this.#socket?.end(TERMINATE);
  }

  /** The driver writes every kilobyte: held back until the end of this turn, many requests on a pipeline are one system call. */
  #cork(): void {
    if (this.#isCorked || this.#socket === undefined) return;
    this.#isCorked = true;
    this.#socket.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.#socket?.uncork();
    });
  }

  #register(timeoutMs: number, done: Done): Pending | undefined {
    const pending: Pending = { sentAt: 0, deadline: 0, done };
    return this.add(pending, timeoutMs) ? pending : undefined;
  }

  #settle(pending: Pending, text: string, rows: Rows | undefined, error: unknown): void {
    // Answered or discarded before: the driver's late word about a dead connection changes nothing.
    if (!this.#pending.remove(pending)) return;
    if (this.#pending.size === 0) this.answers.end(this.answer);
    if (rows !== undefined) {
      rows.count ??= rows.length;
      pending.done(rows, undefined);
      return;
    }
    const fromServer = fromDriver(error);
    if (fromServer !== undefined) {
      if (fromServer.stalePlan) this.#texts.forget(text);
      pending.done(undefined, fromServer);
      if (fromServer.severity === 'FATAL' || fromServer.severity === 'PANIC') this.discard(fromServer);
      return;
    }
    const lost = this.#lostError((error as Error).message, SENT, error);
    pending.done(undefined, lost);
    this.discard(lost);
  }

  /** The driver asks for another socket when one ends during start-up, forever: it gets one, once. */
  async #connect(): Promise<net.Socket> {
    if (this.#connecting || this.#state === 'gone') throw this.#lostError('it ended during start-up', NOT_SENT);
    this.#connecting = true;
    const { target } = this.#options;
    let socket: net.Socket;
    try {
      socket = await connectSocket(target, this.#abort.signal);
    } catch (cause) {
      const failed = errors.CONNECT_FAILED({ server: target.label, reason: (cause as Error).message }, { cause });
      this.discard(failed);
      throw failed;
    }
    this.#socket = socket;
    const meter = new AnswerMeter(this.answers, this.answer);
    // Ahead of the driver's listener, which would hold the bytes.
    socket.on('data', (chunk: Buffer) => {
      const refusal = meter.refusal(chunk);
      if (refusal !== undefined) this.discard(refusal, true);
    });
    // Before the driver's own listener, so that nothing is sent on a socket that has closed.
    socket.once('close', () => this.discard(this.#lostError('the server closed it', SENT)));
    return socket;
  }

  #lostError(reason: string, sent: string, cause?: unknown): Error {
    return errors.CONNECTION_LOST(
      { pool: this.#options.pool, reason, sent },
      cause === undefined ? undefined : { cause },
    );
  }
}

/** Keeps the order of day and month in which dates are read. */
const BEGIN_SESSION = encodeStatement({
  text: "select pg_backend_pid() as pid, set_config('datestyle', 'ISO', false)",
});
const NOT_SENT = 'nothing was sent';
const SENT = 'statements had been sent and were not answered; whether a COMMIT among them happened is unknown';
