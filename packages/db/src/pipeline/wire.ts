/**
 * The protocol on an express lane. The driver has signed in; from then on a read is
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
 * those behind it are SKIPPED, and ride again.
 */
import type net from 'node:net';
import { UNCOUNTED_BYTES } from '../connection/answer-budget.ts';
import { NOTICE_RESPONSE } from '../connection/answer-meter.ts';
import { errors } from '../errors.ts';
import { laneIdentity } from '../transactions/identity-statement.ts';
import { LaneMessages } from './messages.ts';
import { columnsOf, rowOf } from './rows.ts';
import { LaneStatements } from './statements.ts';
import type { PoolMeter } from '../pool/meter.ts';
import { fromErrorResponse } from '../connection/postgres-error.ts';
import { type Column, type Prepared, type Ride, SKIPPED } from './pipelined-read.ts';
import type { Slot } from '../connection/connection.ts';

/** Places of answered rides that are kept until the list is made anew. */
const MOST_ANSWERED = 64;
/** Reads in one transaction: as many have to ride again when the first one fails. */
const SHARING_MOST = 8;
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
/** BindComplete, CloseComplete, EmptyQueryResponse, NoticeResponse, ParameterStatus, ParameterDescription, NotificationResponse */
const SILENT = new Set([0x32, 0x33, 0x49, 0x4e, 0x53, 0x74, 0x41]);
const wires = new WeakMap<Slot, LaneWire>();

export class LaneWire {
  /** To be given up: those on their way arrive. */
  isSpoilt = false;
  readonly #slot: Slot;
  readonly #socket: net.Socket;
  readonly #driverListeners: ((chunk: Buffer) => void)[];
  readonly #messages = new LaneMessages();
  readonly #statements: LaneStatements;
  /** On their way, in the order in which they were sent. */
  #rides: (Ride | undefined)[] = [];
  #first = 0;
  /** The one that Postgres is answering, at or behind `#first`. */
  #current = 0;
  /** The transaction that others may still join. */
  #shared: Shared | undefined;
  #isFlushing = false;
  /** Of a message that is not whole yet. */
  #parts: Buffer[] = [];
  #missing = 0;
  /** The message that is not whole yet is counted in its ride's bytes. */
  #isCounted = false;
  #answeredAt = 0;

  constructor(slot: Slot, socket: net.Socket, meter: PoolMeter) {
    this.#slot = slot;
    this.#socket = socket;
    this.#statements = new LaneStatements(slot.prepared, meter);
    this.#driverListeners = socket.listeners('data') as ((chunk: Buffer) => void)[];
  }

  /** Takes the socket over from the driver, which must be idle. Undefined when it is gone. */
  static on(slot: Slot, meter: PoolMeter): LaneWire | undefined {
    const { socket } = slot;
    if (socket === undefined) return undefined;
    let wire = wires.get(slot);
    if (wire === undefined) {
      wire = new LaneWire(slot, socket, meter);
      wires.set(slot, wire);
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
  send(ride: Ride, timeoutMs: number): void {
    const { identity, text, params, wantsXmin, inert } = ride.ticket;
    const setter = laneIdentity(identity, wantsXmin);
    if (!this.#slot.enlist(ride, timeoutMs)) return;
    const statements = this.#statements;
    const set = statements.setter(setter.text);
    const prepared = statements.of(identity.role, text);
    const shares = inert && set.state === 'ready' && prepared.state === 'ready';
    const before = this.#shared;
    // A Close first in its transaction is never skipped for the failure of a statement before it.
    const joins = before !== undefined && shares && !statements.hasToClose && mayJoin(before, set, setter.params);
    if (!joins) this.#endShared();
    const messages = this.#messages;
    for (let name = statements.nextToClose(); name !== undefined; name = statements.nextToClose()) messages.close(name);
    if (joins && sameParams(before.params, setter.params)) ride.completed = 1;
    else this.#sendSetter(ride, set, setter);
    this.#sendStatement(ride, prepared, text, params);
    if (!shares) messages.sync();
    else {
      ride.isLast = false;
      this.#shared = { set, params: setter.params, last: ride, size: joins ? before.size + 1 : 1 };
    }
    this.#rides.push(ride);
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

  #sendSetter(ride: Ride, set: Prepared, { text, params }: { text: string; params: string[] }): void {
    const messages = this.#messages;
    if (set.state === 'absent') {
      set.state = 'parsing';
      ride.setter = set;
      messages.parse(set.name, text);
    } else if (set.state === 'parsing') messages.parse('', text);
    messages.execute(set.state === 'ready' || ride.setter === set ? set.name : '', params);
  }

  #sendStatement(ride: Ride, prepared: Prepared, text: string, params: readonly (string | null)[]): void {
    const messages = this.#messages;
    if (prepared.state === 'ready') {
      ride.columns = prepared.columns;
      messages.execute(prepared.name, params);
      ride.prepared = prepared;
      return;
    }
    // While it is not known whether it could be prepared, others prepare it for themselves alone, unnamed.
    let name = '';
    if (prepared.state === 'absent') {
      prepared.state = 'parsing';
      ride.prepared = prepared;
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
   * Counts a message of the ride that is being answered. True when that is too much: its connection is given up, as the rest would
   * come, and the other rides on it ride again.
   */
  #refusesMore(type: number, bytes: number): boolean {
    const ride = this.#rides[this.#current];
    if (ride === undefined) return false;
    if (type === NOTICE_RESPONSE && bytes <= this.#slot.answers.maxBytes) return false;
    ride.bytes += bytes;
    if (ride.bytes <= UNCOUNTED_BYTES) return false;
    const refusal = this.#slot.answers.refusal(ride);
    if (refusal === undefined) return false;
    this.#parts = [];
    this.#slot.strike(ride);
    this.#slot.discard(SKIPPED, true);
    ride.done(undefined, refusal);
    return true;
  }

  /** One message: its type is at `at`, its length behind it. */
  #hear(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at] as number;
    const body = at + HEADER_BYTES;
    const ride = this.#rides[this.#current];
    if (type === ERROR_RESPONSE) this.#refuse(ride, bytes.subarray(body, end));
    else if (SILENT.has(type)) return;
    else if (ride === undefined) this.#fail(type);
    else if (type === DATA_ROW) {
      if (ride.completed > 0) ride.rows.push(rowOf(bytes, body, ride.columns));
      else ride.xmin = bytes.toString('latin1', body + FIRST_VALUE, end);
    } else if (type === COMMAND_COMPLETE) this.#complete(ride);
    else if (type === READY_FOR_QUERY && bytes[body] === IDLE) this.#endTransaction();
    else if (type === PARSE_COMPLETE) {
      // Of the identity's statement, where it was not there, then of the ride's, which is described behind it.
      if (ride.setter !== undefined && ride.completed === 0) ride.setter.state = 'ready';
    } else if (type === ROW_DESCRIPTION) this.#describe(ride, columnsOf(bytes, body));
    else if (type === NO_DATA) this.#describe(ride, []);
    else this.#fail(type);
  }

  /** Behind a ParseComplete, so the statement is there by now. */
  #describe(ride: Ride, columns: readonly Column[]): void {
    ride.columns = columns;
    if (ride.prepared === undefined) return;
    ride.prepared.columns = columns;
    ride.prepared.state = 'ready';
  }

  #refuse(ride: Ride | undefined, body: Buffer): void {
    const error = fromErrorResponse(body);
    if (ride === undefined || error.severity === 'FATAL' || error.severity === 'PANIC') this.#slot.discard(error);
    else {
      ride.refused = error;
      if (error.stalePlan) this.#forget(ride);
    }
  }

  #forget(ride: Ride): void {
    const { identity, text } = ride.ticket;
    if (ride.completed === 0) {
      // A function has deallocated even the identity's statement: nothing that was prepared, by whomever, can be relied on.
      this.isSpoilt = true;
      return;
    }
    if (ride.prepared !== undefined) this.#statements.forget(identity.role, text, ride.prepared);
  }

  #complete(ride: Ride): void {
    if (++ride.completed < 2 || ride.isLast) return;
    const next = this.#rides[++this.#current] as Ride;
    // Both had one identity's statement: its snapshot is older than either's.
    if (next.completed === 1) next.xmin = ride.xmin;
  }

  /** All up to the last of the transaction arrive. */
  #endTransaction(): void {
    const from = this.#first;
    while (this.#rides[this.#current]?.isLast === false) this.#current++;
    const end = ++this.#current;
    this.#first = end;
    const rides = this.#rides;
    if (end === rides.length || end >= MOST_ANSWERED) {
      // Under load there is always one on the way: without an end, the list would outgrow its riders.
      this.#rides = rides.slice(end);
      this.#first = 0;
      this.#current = 0;
    }
    const now = performance.now();
    // Their time began when those before were answered. That of each is not known: equal parts.
    const began = Math.max((rides[from] as Ride).sentAt, this.#answeredAt);
    const startedAt = now - (now - began) / (end - from);
    this.#answeredAt = now;
    for (let at = from; at < end; at++) {
      const ride = rides[at] as Ride;
      rides[at] = undefined;
      this.#arrive(ride, startedAt);
    }
  }

  #arrive(ride: Ride, startedAt: number): void {
    if (ride.setter?.state === 'parsing') ride.setter.state = 'absent';
    if (ride.prepared?.state === 'parsing') ride.prepared.state = 'absent';
    if (!this.#slot.strike(ride)) return;
    ride.startedAt = Math.max(ride.sentAt, startedAt);
    ride.rows.count = ride.rows.length;
    ride.done(undefined, ride.refused ?? (ride.completed < 2 ? SKIPPED : undefined));
  }

  /** What cannot come: whose answer is whose is not known any more. */
  #fail(type: number): void {
    this.#slot.discard(errors.LANE_PROTOCOL({ type: String.fromCharCode(type) }));
  }

  /** A transaction is about to leave that more may share. */
  get hasRoom(): boolean {
    return this.#shared !== undefined && this.#shared.size < SHARING_MOST;
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
  last: Ride;
  size: number;
}

/** The settings of the next identity must cover those of the one before: the same, whatever their values. */
function mayJoin({ size, set, params }: Shared, next: Prepared, nextParams: readonly string[]): boolean {
  if (size >= SHARING_MOST || set !== next) return false;
  for (let name = 2; name < params.length; name += 2) if (params[name] !== nextParams[name]) return false;
  return true;
}

/** Of as many. */
function sameParams(some: readonly string[], others: readonly string[]): boolean {
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}
