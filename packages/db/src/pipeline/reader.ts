/**
 * Reads the answers of a pipeline from its socket. Each transaction is answered in the order in which its reads were sent:
 *
 *   identity       [ParseComplete] BindComplete [DataRow: xmin] CommandComplete    unless the read before has the same identity
 *   read           [ParseComplete [ParameterDescription] RowDescription|NoData] BindComplete DataRow… CommandComplete
 *   next read      …
 *   ReadyForQuery
 *
 * After an ErrorResponse Postgres skips everything up to the Sync: the reads behind the failed one end with SKIPPED.
 * Source: Postgres's documentation, 54.2.4 "Pipelining" and 54.7 "Message Formats".
 */
import { UNCOUNTED_BYTES } from '../connection/answer-budget.ts';
import { NOTICE_RESPONSE } from '../connection/answer-meter.ts';
import type { PooledConnection } from '../connection/connection.ts';
import { fromErrorResponse } from '../connection/postgres-error.ts';
import { errors } from '../errors.ts';
import { type Column, type PipelinedRead, SKIPPED } from './pipelined-read.ts';
import type { PipelineStatements } from './prepared-statements.ts';
import { columnsOf, rowOf } from './rows.ts';

/** Answered reads stay in the list up to this count, so that it is copied once for many of them. */
const MAX_ANSWERED = 64;
const HEADER_BYTES = 5;
/** In the DataRow of the xmin: behind the count of columns and the length of the first. */
const FIRST_VALUE = 6;
const DATA_ROW = 0x44;
const COMMAND_COMPLETE = 0x43;
const EMPTY_QUERY_RESPONSE = 0x49;
const READY_FOR_QUERY = 0x5a;
const IDLE = 0x49;
const PARSE_COMPLETE = 0x31;
const BIND_COMPLETE = 0x32;
const ROW_DESCRIPTION = 0x54;
const NO_DATA = 0x6e;
const ERROR_RESPONSE = 0x45;
const IGNORED = new Set([0x33, 0x4e, 0x53, 0x74, 0x41]);

export class PipelineReader {
  answeredAt = 0;
  /** A function has deallocated the prepared statements: the pipeline takes no more reads, and its connection is closed. */
  isBroken = false;
  readonly #connection: Pick<PooledConnection, 'answers' | 'remove' | 'discard'>;
  readonly #statements: Pick<PipelineStatements, 'forget'>;
  #reads: (PipelinedRead | undefined)[] = [];
  #first = 0;
  #current = 0;
  #parts: Buffer[] = [];
  #missing = 0;
  #isCounted = false;

  constructor(
    connection: Pick<PooledConnection, 'answers' | 'remove' | 'discard'>,
    statements: Pick<PipelineStatements, 'forget'>,
  ) {
    this.#connection = connection;
    this.#statements = statements;
  }

  expect(read: PipelinedRead): void {
    this.#reads.push(read);
  }

  readonly onData = (chunk: Buffer): void => {
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
      this.#onMessage(bytes, at, end);
      at = end;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  };

  #keep(rest: Buffer): void {
    this.#parts.push(rest);
    if (rest.length < HEADER_BYTES) {
      this.#missing = HEADER_BYTES - rest.length;
      return;
    }
    const bytes = 1 + rest.readUInt32BE(1);
    this.#missing = bytes - rest.length;
    if (!this.#isCounted && !this.#refusesMore(rest[0] as number, bytes)) this.#isCounted = true;
  }

  /** True: the connection is given up, since the message's rest would still come; other reads are sent again. */
  #refusesMore(type: number, bytes: number): boolean {
    const read = this.#reads[this.#current];
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

  #onMessage(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at] as number;
    const body = at + HEADER_BYTES;
    const read = this.#reads[this.#current];
    if (type === ERROR_RESPONSE) this.#refuse(read, bytes.subarray(body, end));
    else if (IGNORED.has(type)) return;
    else if (read === undefined) this.#fail(type);
    else if (type === BIND_COMPLETE) read.bound = true;
    else if (type === DATA_ROW) {
      if (read.completed > 0) read.rows.push(rowOf(bytes, body, read.columns));
      else read.xmin = bytes.toString('latin1', body + FIRST_VALUE, end);
    } else if (type === COMMAND_COMPLETE || type === EMPTY_QUERY_RESPONSE) this.#complete(read);
    else if (type === READY_FOR_QUERY && bytes[body] === IDLE) this.#endTransaction();
    else if (type === PARSE_COMPLETE) {
      // The identity's statement. The read's own becomes ready with its description, which follows its ParseComplete.
      if (read.setter !== undefined && read.completed === 0) read.setter.state = 'ready';
    } else if (type === ROW_DESCRIPTION) describe(read, columnsOf(bytes, body));
    else if (type === NO_DATA) describe(read, []);
    else this.#fail(type);
  }

  #refuse(read: PipelinedRead | undefined, body: Buffer): void {
    // The identity's statement is prepared as well, and fails only where a function has deallocated it.
    const error = fromErrorResponse(body, read && { reused: read.reused || read.completed === 0, bound: read.bound });
    if (read === undefined || error.severity === 'FATAL' || error.severity === 'PANIC') {
      this.#connection.discard(error);
      return;
    }
    read.refused = error;
    if (!error.stalePlan) return;
    if (read.completed === 0) this.isBroken = true;
    else if (read.prepared !== undefined) {
      this.#statements.forget(read.request.identity.role, read.request.text, read.prepared);
    }
  }

  #complete(read: PipelinedRead): void {
    read.bound = false;
    if (++read.completed < 2 || read.isLast) return;
    const next = this.#reads[++this.#current] as PipelinedRead;
    // One identity's statement served both: its snapshot is older than that of either.
    if (next.completed === 1) next.xmin = read.xmin;
  }

  #endTransaction(): void {
    const from = this.#first;
    while (this.#reads[this.#current]?.isLast === false) this.#current++;
    const end = ++this.#current;
    this.#first = end;
    const reads = this.#reads;
    if (end === reads.length || end >= MAX_ANSWERED) {
      this.#reads = reads.slice(end);
      this.#first = 0;
      this.#current = 0;
    }
    const now = performance.now();
    // The server began when it had answered the transaction before. The time of each read is not known: equal parts.
    const began = Math.max((reads[from] as PipelinedRead).sentAt, this.answeredAt);
    const startedAt = now - (now - began) / (end - from);
    this.answeredAt = now;
    for (let at = from; at < end; at++) {
      const read = reads[at] as PipelinedRead;
      reads[at] = undefined;
      this.#settle(read, startedAt);
    }
  }

  #settle(read: PipelinedRead, startedAt: number): void {
    if (read.setter?.state === 'parsing') read.setter.state = 'absent';
    if (read.prepared?.state === 'parsing') read.prepared.state = 'absent';
    if (!this.#connection.remove(read)) return;
    read.startedAt = Math.max(read.sentAt, startedAt);
    read.rows.count = read.rows.length;
    read.done(undefined, read.refused ?? (read.completed < 2 ? SKIPPED : undefined));
  }

  /** An unexpected message: it is no longer known which answer belongs to which read. */
  #fail(type: number): void {
    this.#connection.discard(errors.LANE_PROTOCOL({ type: String.fromCharCode(type) }));
  }
}

/** Comes behind ParseComplete, so the statement exists by now. */
function describe(read: PipelinedRead, columns: readonly Column[]): void {
  read.columns = columns;
  if (read.prepared === undefined) return;
  read.prepared.columns = columns;
  read.prepared.state = 'ready';
}
