/**
 * Pipelined publishing into the stream of changes, without gaps.
 *
 * Each message names the stream sequence that it must follow (Nats-Expected-Last-Sequence). When one is refused or lost,
 * all behind it are refused too, so the stream is always a prefix of what was published; and the late messages of a relay
 * that lost the slot cannot come between those of its successor. After any failure a publisher is useless: the relay
 * reads the stream's tail again and makes a new one.
 */

import { createInbox, type Msg, headers as natsHeaders, type Subscription } from '@nats-io/transport-node';
import type { Bus } from '@tidemark/bus';
import { CHANGE_HEADERS, type Lsn, lsnToHex } from '@tidemark/contracts';
import { errors } from '../errors.ts';
import { type EnvelopePlace, envelopeId, heartbeatId, type MessagePlace, parseMessageId } from '../message-id.ts';

export interface Publication {
  subject: string;
  epoch: string;
  lsn: Lsn;
  xid?: number;
  /** Envelope number in the transaction, or undefined for a heartbeat. */
  ordinal?: number;
  payload: Uint8Array;
  /** Once it is acknowledged, everything up to `lsn` is in the stream. */
  completes: boolean;
}

export interface PublisherOptions {
  bus: Bus;
  /** Sequence of the last message in the stream, and the last envelope in it. */
  lastSequence: number;
  lastEnvelope: EnvelopePlace | undefined;
  /** Most messages, and most bytes, without acknowledgement. */
  maxInFlight: number;
  maxInFlightBytes: number;
  /** Everything up to `lsn` is in the stream. */
  onStored(lsn: Lsn): void;
  /** There is room again after `full()`. */
  onRoom(): void;
  /** Once. */
  onFailed(error: Error): void;
}

interface InFlight {
  publication: Publication;
  sentAt: number;
}

/** JetStream answers in under a millisecond; five seconds without an answer is a lost message or a lost server. */
const ACK_TIMEOUT_MS = 5_000;

export class Publisher {
  publishedTotal = 0;
  #options: PublisherOptions;
  #inbox = createInbox();
  #acks: Subscription;
  #inFlight: InFlight[] = [];
  #bytes = 0;
  #next: number;
  /** Acknowledgements come in the order of the stream. */
  #expectedAck: number;
  #lastEnvelope: EnvelopePlace | undefined;
  #watch: NodeJS.Timeout;
  #done = false;
  #wasFull = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#next = options.lastSequence;
    this.#lastEnvelope = options.lastEnvelope;
    this.#expectedAck = options.lastSequence + 1;
    this.#acks = options.bus.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? this.#fail(error.message, error) : this.#acknowledged(message)),
    });
    this.#watch = setInterval(() => this.#checkTimeout(), 500);
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  full(): boolean {
    const { maxInFlight, maxInFlightBytes } = this.#options;
    const full = this.#inFlight.length >= maxInFlight || this.#bytes >= maxInFlightBytes;
    this.#wasFull ||= full;
    return full;
  }

  publish(publication: Publication): void {
    if (this.#done) return;
    const { subject, epoch, lsn, xid, ordinal, payload } = publication;
    const hex = lsnToHex(lsn);
    const sequence = this.#next + 1;
    const headers = natsHeaders();
    if (ordinal !== undefined) this.#lastEnvelope = { lsn, ordinal };
    const isEnvelope = ordinal !== undefined;
    const id = isEnvelope ? envelopeId(epoch, { lsn, ordinal }) : heartbeatId(epoch, lsn, sequence, this.#lastEnvelope);
    headers.set('Nats-Msg-Id', id);
    headers.set('Nats-Expected-Last-Sequence', String(this.#next));
    headers.set(CHANGE_HEADERS.epoch, epoch);
    headers.set(CHANGE_HEADERS.lsn, hex);
    if (xid !== undefined) headers.set(CHANGE_HEADERS.xid, String(xid));
    try {
      this.#options.bus.nc.publish(subject, payload, { headers, reply: `${this.#inbox}.${sequence}` });
    } catch (error) {
      this.#fail((error as Error).message, error);
      return;
    }
    this.#next = sequence;
    this.#inFlight.push({ publication, sentAt: Date.now() });
    this.#bytes += payload.length;
    this.publishedTotal += 1;
  }

  /** No callback is made after this. */
  stop(): void {
    this.#done = true;
    clearInterval(this.#watch);
    this.#acks.unsubscribe();
    this.#inFlight = [];
  }

  #acknowledged(message: Msg): void {
    if (this.#done) return;
    const sequence = Number(message.subject.slice(this.#inbox.length + 1));
    const problem = problemOf(message, sequence);
    if (problem) {
      this.#fail(problem);
      return;
    }
    if (sequence !== this.#expectedAck) {
      this.#fail(`the acknowledgement of ${this.#expectedAck} is missing, ${sequence} was stored`);
      return;
    }
    this.#expectedAck += 1;
    const { publication } = this.#inFlight.shift() as InFlight;
    this.#bytes -= publication.payload.length;
    if (publication.completes) this.#options.onStored(publication.lsn);
    if (this.#wasFull && !this.#done && this.#inFlight.length <= this.#options.maxInFlight / 2 && !this.full()) {
      this.#wasFull = false;
      this.#options.onRoom();
    }
  }

  #checkTimeout(): void {
    const oldest = this.#inFlight[0];
    if (oldest && Date.now() - oldest.sentAt > ACK_TIMEOUT_MS) {
      this.#fail(`no acknowledgement within ${ACK_TIMEOUT_MS} ms`);
    }
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#done) return;
    this.stop();
    this.#options.onFailed(errors.PUBLISH_FAILED({ reason }, { cause }));
  }
}

/** JetStream's answer: `{"stream":…,"seq":7}`, `{"error":{…}}`, or NATS's own 503 where no stream listens. */
function problemOf(message: Msg, sequence: number): string | undefined {
  if (message.headers?.code) return `${message.headers.code} ${message.headers.description}`;
  const answer = message.json<{ seq?: number; duplicate?: boolean; error?: { description?: string } }>();
  if (answer.error) return answer.error.description ?? 'an error without a description';
  if (answer.duplicate) return `the stream has message ${answer.seq} already`;
  return answer.seq === sequence ? undefined : `it was stored as ${answer.seq}, not as ${sequence}`;
}

/** The last message of the stream, and the last sequence it gave out. */
export async function readTail(bus: Bus): Promise<{ tail: MessagePlace | undefined; lastSequence: number }> {
  const stream = bus.subjects.streams.changes;
  const { state } = await bus.jsm.streams.info(stream);
  const lastSequence = state.last_seq;
  if (state.messages === 0) return { tail: undefined, lastSequence };
  const message = await bus.jsm.streams.getMessage(stream, { seq: lastSequence });
  const tail = message ? parseMessageId(message.header.get('Nats-Msg-Id')) : undefined;
  return { tail, lastSequence };
}
