/**
 * The protocol on a pipeline. The driver has signed in; from then on a read is
 *
 *   Bind, Execute   role, claims and settings, and `transaction_read_only`, each local to the transaction
 *   Bind, Execute   the statement
 *   Sync            ends the transaction that the first Bind began
 *
 * by the extended query protocol, in which everything up to a Sync is one transaction (Postgres's documentation, 54.2.4
 * "Pipelining"): two statements instead of four, and one answer to wait for. An identity is set anew for each read and undone by
 * its Sync, whatever the read before it did to the session, and whether it failed. Without the driver between, a read takes
 * neither its promises nor its objects. Statements are prepared once for each role, since a plan under row-level security is
 * made for one: under another role it would be made again each time.
 *
 * Reads that are inert (Statement in types.ts) and leave in the same turn share a transaction: one Sync behind them, one answer,
 * and the identity only where it is another than before. Postgres takes a snapshot for each of them all the same. When one fails
 * those behind it are SKIPPED, and sent again.
 */
import type net from 'node:net';
import { UNCOUNTED_BYTES } from '../connection/answer-budget.ts';
import { NOTICE_RESPONSE } from '../connection/answer-meter.ts';
import type { PooledConnection } from '../connection/connection.ts';
import { fromErrorResponse } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import type { PoolMeter } from '../pool/meter.ts';
import { pipelineIdentity } from '../transactions/identity-statement.ts';
import { PipelineMessages } from './messages.ts';
import { type Column, type PipelinedRead, type Prepared, SKIPPED } from './pipelined-read.ts';
import { PipelineStatements } from './prepared-statements.ts';
import { columnsOf, rowOf } from './rows.ts';

/** Places of answered reads that are kept until the list is made anew. */
const MAX_ANSWERED = 64;
/** Reads in one transaction: as many are sent again when the first one fails. */
const MAX_SHARING = 8;
const HEADER_BYTES = 5;
/** Of a row: the count of columns and the length of the first. */
const FIRST_VALUE = 6;
const DATA_ROW = 0x44;
const COMMAND_COMPLETE = 0x43;
const READY_FOR_QUERY = 0x5a;
/** In a ReadyForQuery: in no transaction. */
const IDLE = 0x49;
const PARSE_COMPLETE = 0x31;
const ROW_DESCRIPTION = 0x54;
const NO_DATA = 0x6e;
const ERROR_RESPONSE = 0x45;
const BIND_COMPLETE = 0x32;
/** CloseComplete, EmptyQueryResponse, NoticeResponse, ParameterStatus, ParameterDescription, NotificationResponse */
const SILENT = new Set([0x33, 0x49, 0x4e, 0x53, 0x74, 0x41]);
const wires = new WeakMap<PooledConnection, PipelineWire>();

export class PipelineWire {
  /** To be given up: those on their way arrive. */
  isSpoilt = false;
  readonly #connection: PooledConnection;
  readonly #socket: net.Socket;
  readonly #driverListeners: ((chunk: Buffer) => void)[];
  readonly #messages = new PipelineMessages();
  readonly #statements: PipelineStatements;
  /** On their way, in the order in which they were sent. */
  #isPipelined: (PipelinedRead | undefined)[] = [];
  #first = 0;
  /** The one that Postgres is answering, at or behind `#first`. */
  #current = 0;
  /** The transaction that others may still join. */
  #shared: Shared | undefined;
  #isFlushing = false;
  /** Of a message that is not whole yet. */
  #parts: Buffer[] = [];
  #missing = 0;
  /** The message that is not whole yet is counted in its read's bytes. */
  #isCounted = false;
  #answeredAt = 0;
  /** Of the connection, for which the statements were prepared. */
  #schemaChanges: number;

  constructor(connection: PooledConnection, socket: net.Socket, meter: PoolMeter) {
    this.#connection = connection;
    this.#schemaChanges = connection.schemaChanges;
    this.#socket = socket;
    this.#statements = new PipelineStatements(connection.prepared, meter);
    this.#driverListeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
  }

  /** Takes the socket over from the driver, which must be idle. Undefined when it is gone. */
  static on(connection: PooledConnection, meter: PoolMeter): PipelineWire | undefined {
    const { socket } = connection;
    if (socket === undefined) return undefined;
    let wire = wires.get(connection);
    if (wire === undefined) {
      wire = new PipelineWire(connection, socket, meter);
      wires.set(connection, wire);
    }
    socket.removeAllListeners('data');
    socket.on('data', wire.#onData);
    return wire;
  }

  /** Nobody is on the way: the driver reads again. */
  giveBack(): void {
    this.#socket.off('data', this.#onData);
    for (const listener of this.#driverListeners) this.#socket.on('data', listener);
  }

  /** Sent at the end of this turn, together with all others. Throws DB_ROLE_REFUSED and DB_SETTING_REFUSED, with nothing sent. */
  send(read: PipelinedRead, timeoutMs: number): void {
    const { identity, text, params, wantsXmin, inert } = read.ticket;
    const setter = pipelineIdentity(identity, wantsXmin);
    if (!this.#connection.add(read, timeoutMs)) return;
    const statements = this.#statements;
    if (this.#schemaChanges !== this.#connection.schemaChanges) {
      this.#schemaChanges = this.#connection.schemaChanges;
      statements.forgetAll();
    }
    const set = statements.setter(setter.text);
    const prepared = statements.of(identity.role, text);
    const shares = inert && set.state === 'ready' && prepared.state === 'ready';
    const before = this.#shared;
    // A Close first in its transaction is never skipped for the failure of a statement before it.
    const joins = before !== undefined && shares && !statements.hasToClose && mayJoin(before, set, setter.params);
    if (!joins) this.#endShared();
    const messages = this.#messages;
    for (let name = statements.nextToClose(); name !== undefined; name = statements.nextToClose()) messages.close(name);
    if (joins && sameParams(before.params, setter.params)) read.completed = 1;
    else this.#sendSetter(read, set, setter);
    this.#sendStatement(read, prepared, text, params);
    if (!shares) messages.sync();
    else {
      read.isLast = false;
      this.#shared = { set, params: setter.params, last: read, size: joins ? before.size + 1 : 1 };
    }
    this.#isPipelined.push(read);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  #endShared(): void {
    if (this.#shared === undefined) return;
    this.#shared.last.isLast = true;
    this.#shared = undefined;
    this.#messages.sync();
  }

  #sendSetter(read: PipelinedRead, set: Prepared, { text, params }: { text: string; params: string[] }): void {
    const messages = this.#messages;
    if (set.state === 'absent') {
      set.state = 'parsing';
      read.setter = set;
      messages.parse(set.name, text);
    } else if (set.state === 'parsing') messages.parse('', text);
    messages.execute(set.state === 'ready' || read.setter === set ? set.name : '', params);
  }

  #sendStatement(read: PipelinedRead, prepared: Prepared, text: string, params: readonly (string | null)[]): void {
    const messages = this.#messages;
    if (prepared.state === 'ready') {
      read.columns = prepared.columns;
      read.reused = true;
      messages.execute(prepared.name, params);
      read.prepared = prepared;
      return;
    }
    // While it is not known whether it could be prepared, others prepare it for themselves alone, unnamed.
    let name = '';
    if (prepared.state === 'absent') {
      prepared.state = 'parsing';
      read.prepared = prepared;
      name = prepared.name;
    }
    messages.parse(name, text);
    messages.describe(name);
    messages.execute(name, params);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#endShared();
    if (!this.#messages.isEmpty && !this.#socket.destroyed) this.#socket.write(this.#messages.take());
  };

  readonly #onData = (chunk: Buffer): void => {
    let bytes = chunk;
    if (this.#missing > 0) {
      this.#parts.push(chunk);
      this.#missing -= chunk.length;
      if (this.#missing > 0) return;
      bytes = Buffer.concat(this.#parts);
      this.#parts = [];
      this.#missing = 0;
    }
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (this.#isCounted) this.#isCounted = false;
      else if (this.#refusesMore(bytes[at] as number, end - at)) return;
      this.#hear(bytes, at, end);
      at = end;
    }
    if (at === bytes.length) return;
    const rest = bytes.subarray(at);
    this.#parts.push(rest);
    if (rest.length < HEADER_BYTES) {
      this.#missing = HEADER_BYTES - rest.length;
      return;
    }
    const whole = 1 + rest.readUInt32BE(1);
    this.#missing = whole - rest.length;
    if (this.#isCounted) return;
    if (!this.#refusesMore(rest[0] as number, whole)) this.#isCounted = true;
  };

  /**
   * Counts a message of the read that is being answered. True when that is too much: its connection is given up, as the rest would
   * come, and the other reads on it are sent again.
   */
  #refusesMore(type: number, bytes: number): boolean {
    const read = this.#isPipelined[this.#current];
    if (read === undefined) return false;
    if (type === NOTICE_RESPONSE && bytes <= this.#connection.answers.maxBytes) return false;
    read.bytes += bytes;
    if (read.bytes <= UNCOUNTED_BYTES) return false;
    const refusal = this.#connection.answers.refusal(read);
    if (refusal === undefined) return false;
    this.#parts = [];
    this.#connection.remove(read);
    this.#connection.discard(SKIPPED, true);
    read.done(undefined, refusal);
    return true;
  }

  /** One message: its type is at `at`, its length behind it. */
  #hear(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at] as number;
    const body = at + HEADER_BYTES;
    const read = this.#isPipelined[this.#current];
    if (type === ERROR_RESPONSE) this.#refuse(read, bytes.subarray(body, end));
    else if (SILENT.has(type)) return;
    else if (read === undefined) this.#fail(type);
    else if (type === BIND_COMPLETE) read.bound = true;
    else if (type === DATA_ROW) {
      if (read.completed > 0) read.rows.push(rowOf(bytes, body, read.columns));
      else read.xmin = bytes.toString('latin1', body + FIRST_VALUE, end);
    } else if (type === COMMAND_COMPLETE) this.#complete(read);
    else if (type === READY_FOR_QUERY && bytes[body] === IDLE) this.#endTransaction();
    else if (type === PARSE_COMPLETE) {
      // Of the identity's statement, where it was not there, then of the read's, which is described behind it.
      if (read.setter !== undefined && read.completed === 0) read.setter.state = 'ready';
    } else if (type === ROW_DESCRIPTION) this.#describe(read, columnsOf(bytes, body));
    else if (type === NO_DATA) this.#describe(read, []);
    else this.#fail(type);
  }

  /** Behind a ParseComplete, so the statement is there by now. */
  #describe(read: PipelinedRead, columns: readonly Column[]): void {
    read.columns = columns;
    if (read.prepared === undefined) return;
    read.prepared.columns = columns;
    read.prepared.state = 'ready';
  }

  #refuse(read: PipelinedRead | undefined, body: Buffer): void {
    // The identity's statement is prepared as well, and fails only where a function has deallocated it.
    const error = fromErrorResponse(body, read && { reused: read.reused || read.completed === 0, bound: read.bound });
    if (read === undefined || error.severity === 'FATAL' || error.severity === 'PANIC') this.#connection.discard(error);
    else {
      read.refused = error;
      if (error.stalePlan) this.#forget(read);
    }
  }

  #forget(read: PipelinedRead): void {
    const { identity, text } = read.ticket;
    if (read.completed === 0) {
      // A function has deallocated even the identity's statement: nothing that was prepared, by whomever, can be relied on.
      this.isSpoilt = true;
      return;
    }
    if (read.prepared !== undefined) this.#statements.forget(identity.role, text, read.prepared);
  }

  #complete(read: PipelinedRead): void {
    read.bound = false;
    if (++read.completed < 2 || read.isLast) return;
    const next = this.#isPipelined[++this.#current] as PipelinedRead;
    // Both had one identity's statement: its snapshot is older than either's.
    if (next.completed === 1) next.xmin = read.xmin;
  }

  /** All up to the last of the transaction arrive. */
  #endTransaction(): void {
    const from = this.#first;
    while (this.#isPipelined[this.#current]?.isLast === false) this.#current++;
    const end = ++this.#current;
    this.#first = end;
    const reads = this.#isPipelined;
    if (end === reads.length || end >= MAX_ANSWERED) {
      // Under load there is always one on the way: without an end, the list would outgrow its reads.
      this.#isPipelined = reads.slice(end);
      this.#first = 0;
      this.#current = 0;
    }
    const now = performance.now();
    // Their time began when those before were answered. That of each is not known: equal parts.
    const began = Math.max((reads[from] as PipelinedRead).sentAt, this.#answeredAt);
    const startedAt = now - (now - began) / (end - from);
    this.#answeredAt = now;
    for (let at = from; at < end; at++) {
      const read = reads[at] as PipelinedRead;
      reads[at] = undefined;
      this.#arrive(read, startedAt);
    }
  }

  #arrive(read: PipelinedRead, startedAt: number): void {
    if (read.setter?.state === 'parsing') read.setter.state = 'absent';
    if (read.prepared?.state === 'parsing') read.prepared.state = 'absent';
    if (!this.#connection.remove(read)) return;
    read.startedAt = Math.max(read.sentAt, startedAt);
    read.rows.count = read.rows.length;
    read.done(undefined, read.refused ?? (read.completed < 2 ? SKIPPED : undefined));
  }

  /** What cannot come: whose answer is whose is not known any more. */
  #fail(type: number): void {
    this.#connection.discard(errors.LANE_PROTOCOL({ type: String.fromCharCode(type) }));
  }

  /** A transaction is about to leave that more may share. */
  get hasRoom(): boolean {
    return this.#shared !== undefined && this.#shared.size < MAX_SHARING;
  }

  /** By performance.now(). */
  get answeredAt(): number {
    return this.#answeredAt;
  }
}

interface Shared {
  /** Of the identity of the last one. */
  set: Prepared;
  params: readonly string[];
  last: PipelinedRead;
  size: number;
}

/** The settings of the next identity must cover those of the one before: the same, whatever their values. */
function mayJoin({ size, set, params }: Shared, next: Prepared, nextParams: readonly string[]): boolean {
  if (size >= MAX_SHARING || set !== next) return false;
  for (let name = 2; name < params.length; name += 2) if (params[name] !== nextParams[name]) return false;
  return true;
}

/** Of as many. */
function sameParams(some: readonly string[], others: readonly string[]): boolean {
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}
