/**
 * One `postgres({ max: 1 })` client, which is thrown away when its socket closes. Every statement has a callback of
 * ours, since a backend that dies can leave the driver's promise unsettled. Statements that are sent in one tick stay
 * contiguous on the wire and are answered in order.
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
import { announcedPidOf, secretOf, sendScript, sendStatement } from './driver-query.ts';
import { DriverSocket } from './driver-socket.ts';
import { type Done, type Pending, PendingQueries } from './pending-queries.ts';
import { transactionSettings } from './pooled-session.ts';
import { fromDriver } from './postgres-error.ts';
import { PreparedBudget } from './prepared-budget.ts';
import { PreparedTexts } from './prepared-texts.ts';
import type { RecentTexts } from './recent-texts.ts';
import type { ConnectionTarget } from './url.ts';

/** The role of a session between transactions: its own user, or `tidemark_none`, which has no rights. */
export type Rest = 'own' | 'none';

export interface ConnectionOptions {
  pool: string;
  target: ConnectionTarget;
  settings: Readonly<Record<string, string>>;
  rest: Rest;
  statementTimeoutMs: number;
  connectTimeoutMs: number;
  /** Limit for prepared statements in the backend's memory; default none, for connections that send only our own texts. */
  preparedBytes?: number;
  recent?: RecentTexts;
  /** A pooler in transaction mode is between (pooled-session.ts). */
  isPooled?: boolean;
  answers?: AnswerBudget;
  /** Called once; `pending` statements were rejected with it. `error` is undefined after a wanted close. */
  onGone: (connection: PooledConnection, pending: number, error: Error | undefined) => void;
}

export interface LentSocket {
  socket: net.Socket;
  giveBack: () => void;
  answered: () => void;
}

let generations = 0;

export class PooledConnection {
  readonly generation: number = ++generations;
  readonly openedAt: number = performance.now();
  rest: Rest;
  statementTimeoutMs: number;
  idleSince: number = performance.now();
  retireAt: number = Number.POSITIVE_INFINITY;
  pid = 0;
  secret = 0;
  /** A pooler such as PgBouncer answers, which gives the session of the server to others in between. */
  isBehindPooler = false;
  /** Each transaction sets these; undefined where the session has them. */
  readonly transactionSettings: Readonly<Record<string, string>> | undefined;
  readonly answers: AnswerBudget;
  readonly answer: AnswerBytes & { key: string | undefined } = { bytes: 0, taken: 0, key: undefined };
  #state: ConnectionState = 'connecting';
  readonly #options: ConnectionOptions;
  readonly #sql: postgres.Sql;
  readonly #pending = new PendingQueries();
  readonly prepared: PreparedBudget;
  readonly #texts: PreparedTexts;
  /** Count of schema changes, for pipelines, which prepare statements themselves. */
  schemaChanges = 0;
  /** The session may hold plans with the rights that a role had before. */
  hasStalePlans = false;
  readonly #socket = new DriverSocket();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.answers = options.answers ?? new AnswerBudget();
    this.rest = options.rest;
    this.statementTimeoutMs = options.statementTimeoutMs;
    this.prepared = new PreparedBudget(options.preparedBytes);
    this.#texts = new PreparedTexts(this.prepared, options.recent);
    const { target, settings, isPooled = false } = options;
    this.transactionSettings = isPooled ? transactionSettings(target, settings) : undefined;
    this.#sql = postgres(driverOptions(target, settings, () => this.#connect(), isPooled));
  }

  get isPooled(): boolean {
    return this.transactionSettings !== undefined;
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

  /** False when it is due to be replaced: too old, or its budget for prepared statements is full. */
  get isFresh(): boolean {
    return !this.prepared.isFull && performance.now() < this.retireAt;
  }

  async open(): Promise<void> {
    const { connectTimeoutMs, target } = this.#options;
    const timer = setTimeout(() => {
      this.discard(errors.CONNECT_FAILED({ server: target.label, reason: `no answer within ${connectTimeoutMs} ms` }));
    }, connectTimeoutMs);
    try {
      const rows = await this.send<{ pid: number }>(this.isPooled ? WHICH_SESSION : BEGIN_SESSION, 0);
      this.pid = rows[0]?.pid ?? 0;
      this.secret = secretOf(rows);
      const announced = announcedPidOf(rows);
      this.isBehindPooler = announced !== 0 && announced !== this.pid;
      if (this.isPooled) this.pid = announced; // The pooler passes on cancel requests with this id.
      this.move('connected');
    } catch (error) {
      this.discard(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  move(event: ConnectionEvent): boolean {
    const next = nextConnectionState(this.#state, event);
    if (next === null) throw new TypeError(`connection ${this.generation}: ${event} while ${this.#state}`);
    this.#state = next;
    return next !== 'gone';
  }

  send<R extends Row = Row>(statement: EncodedStatement, timeoutMs: number): Promise<Rows<R>> {
    return new Promise((resolve, reject) => {
      this.submit(statement, timeoutMs, (rows, error) =>
        rows === undefined ? reject(error!) : resolve(rows as Rows<R>),
      );
    });
  }

  /** Sends in this very tick; `done` is called once, at the latest when the connection is discarded. */
  submit(statement: EncodedStatement, timeoutMs: number, done: Done): void {
    const pending = this.#register(timeoutMs, done);
    if (pending === undefined) return;
    const preparation = statement.prepare && !this.isPooled ? this.#texts.use(statement.text) : 'alone';
    this.#socket.cork();
    sendStatement(this.#sql, statement, preparation, (rows, error) =>
      this.#settle(pending, statement.text, rows, error),
    );
  }

  script(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending = this.#register(0, (rows, error) => (rows === undefined ? reject(error!) : resolve()));
      if (pending !== undefined) sendScript(this.#sql, text, (rows, error) => this.#settle(pending, text, rows, error));
    });
  }

  /** Lends the socket for a protocol that the driver does not speak (stream/); nothing else may be pending. */
  lend(timeoutMs: number, done: Done): LentSocket | undefined {
    const pending = this.#register(timeoutMs, done);
    const { socket } = this.#socket;
    if (pending === undefined || socket === undefined) return undefined;
    return {
      socket,
      giveBack: () => this.#pending.remove(pending),
      answered: () => {
        pending.sentAt = performance.now();
      },
    };
  }

  get socket(): net.Socket | undefined {
    return this.#socket.socket;
  }

  add(pending: Pending, timeoutMs: number): boolean {
    if (this.#state === 'gone' || this.#state === 'closing') {
      pending.done(undefined, this.#lostError('it was closed before', NOT_SENT));
      return false;
    }
    this.#pending.add(pending, timeoutMs);
    return true;
  }

  remove(pending: Pending): boolean {
    return this.#pending.remove(pending);
  }

  get oldest(): Pending | undefined {
    return this.#pending.oldest;
  }

  stalledMs(now: number): number {
    return this.oldest === undefined ? 0 : now - this.oldest.sentAt;
  }

  /** Ends the connection at once and rejects what is pending with `error`. `isWanted`: report no fault. */
  discard(error: Error, isWanted = false): void {
    if (this.#state === 'gone') return;
    const wasClosing = isWanted || this.#state === 'closing';
    this.move('lost');
    const pending = this.#pending.takeAll();
    this.answers.end(this.answer);
    this.#socket.destroy();
    for (const entry of pending) entry.done(undefined, error);
    this.#options.onGone(this, pending.length, wasClosing ? undefined : error);
  }

  /** An idle connection sends Terminate, so that the backend ends without a line in the server's log; a busy one does so on release. */
  close(): void {
    if (this.#state === 'connecting') {
      this.discard(this.#lostError('the pool closed it', NOT_SENT));
      return;
    }
    if (this.#state === 'closing') return;
    this.move('retire');
    if (this.state === 'closing') this.#socket.sendTerminate();
  }

  release(): boolean {
    this.move('release');
    this.idleSince = performance.now();
    if (this.#state === 'closing') this.#socket.sendTerminate();
    return this.#state === 'idle';
  }

  forgetStatements(): void {
    this.#texts.forgetAll();
    this.schemaChanges++;
  }

  #register(timeoutMs: number, done: Done): Pending | undefined {
    const pending: Pending = { sentAt: 0, deadline: 0, done };
    return this.add(pending, timeoutMs) ? pending : undefined;
  }

  #settle(pending: Pending, text: string, rows: Rows | undefined, error: unknown): void {
    // The statement was answered or discarded before; the driver reports a dead connection late.
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

  async #connect(): Promise<net.Socket> {
    if (this.#socket.isRequested || this.#state === 'gone') throw this.#lostError('it ended during start-up', NOT_SENT);
    const { target } = this.#options;
    const meter = new AnswerMeter(this.answers, this.answer);
    const onData = (chunk: Buffer) => {
      const refusal = meter.refusal(chunk);
      if (refusal !== undefined) this.discard(refusal, true);
    };
    try {
      return await this.#socket.open(target, onData, () => this.discard(this.#lostError('the server closed it', SENT)));
    } catch (cause) {
      const failed = errors.CONNECT_FAILED({ server: target.label, reason: (cause as Error).message }, { cause });
      this.discard(failed);
      throw failed;
    }
  }

  #lostError(problem: string, sent: string, cause?: unknown): Error {
    const { pool, target } = this.#options;
    // With TLS 1.3 a server judges the certificate after the handshake: the client may see no more than a reset.
    const isStarting = this.pid === 0 && target.sslCert !== undefined;
    const reason = isStarting ? `${problem}; the server may have refused the client certificate (sslcert)` : problem;
    return errors.CONNECTION_LOST({ pool, reason, sent }, { cause });
  }
}

/** Setting the style here keeps the order of day and month that the database sets for reading dates. */
const BEGIN_SESSION = encodeStatement({
  text: "select pg_backend_pid() as pid, set_config('datestyle', 'ISO', false)",
});
const WHICH_SESSION = encodeStatement({ text: 'select pg_backend_pid() as pid' });
const NOT_SENT = 'nothing was sent';
const SENT = 'statements had been sent and were not answered; whether a COMMIT among them happened is unknown';
