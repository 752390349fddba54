/**
 * Pipelined publishing into the stream of changes, without gaps: each message names its predecessor
 * (Nats-Expected-Last-Sequence, then Nats-Expected-Last-Msg-Id), so when one is refused or lost, the server refuses
 * all later ones. Ids name the place in the WAL: a late message of a relay that lost the slot is stored only in its
 * right place, while a sequence number would admit it behind the successor's messages. A publisher ends with its
 * first failure. Only the last message of a batch asks for an acknowledgement: when it is stored, all before it are.
 */
import { CHANGE_HEADERS, type EnvelopePlace, envelopeId, heartbeatId, type Lsn, lsnToHex } from '@tidemark/contracts';
import { headers, type Msg, type Subscription } from 'nats';
import type { Bus } from './bus.ts';
import { type Client, clientOf } from './client.ts';

export interface Publication {
  subject: string;
  epoch: string;
  lsn: Lsn;
  xid?: number;
  /** Number of the envelope in its transaction; undefined for other messages. */
  ordinal?: number;
  payload: Uint8Array;
  /** Its acknowledgement means that everything up to `lsn` is in the stream. */
  completes: boolean;
  onStored?: () => void;
}

export interface ChangesPublisherOptions {
  bus: Bus;
  lastSequence: number;
  lastEnvelope: EnvelopePlace | undefined;
  maxInFlight: number;
  maxInFlightBytes: number;
  onStored(lsn: Lsn): void;
  /** Called when there is room again after `full()`. */
  onRoom(): void;
  /** Called at most once. */
  onFailed(reason: string, cause: unknown): void;
}

/** The messages that one acknowledgement covers. */
interface Batch {
  sequence: number;
  messages: number;
  bytes: number;
  /** The LSN up to which the stream is complete once the batch is stored; undefined if it completes none. */
  stored: Lsn | undefined;
  onStored: (() => void)[];
  sentAt: number;
}

/** An acknowledgement costs both sides as much as a small message. Small batches return room in small steps. */
const BATCH_MESSAGES = 64;
const BATCH_BYTES = 256 * 1_024;
/** JetStream answers in under a millisecond; after five seconds the message or the server is lost. */
const ACK_TIMEOUT_MS = 5_000;
const CHECK_MS = 500;

export class ChangesPublisher {
  publishedTotal = 0;
  #options: ChangesPublisherOptions;
  #client: Client;
  #inbox: string;
  #acks: Subscription;
  /** One object serves all messages: NATS's `encode` validates each value, a tenth of the relay's time. */
  readonly #headers = Object.assign(headers(), {
    text: '',
    encode() {
      return Buffer.from(this.text, 'latin1');
    },
  });
  /** Published in this turn of the event loop; sent at its end. */
  #pending: Publication[] = [];
  #inFlight: Batch[] = [];
  #messages = 0;
  #bytes = 0;
  #sequence: number;
  #lastId: string | undefined;
  #lastEnvelope: EnvelopePlace | undefined;
  #watch: NodeJS.Timeout;
  #done = false;
  #wasFull = false;

  constructor(options: ChangesPublisherOptions) {
    this.#options = options;
    this.#client = clientOf(options.bus);
    this.#sequence = options.lastSequence;
    this.#lastEnvelope = options.lastEnvelope;
    this.#inbox = this.#client.inbox();
    this.#acks = this.#client.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => (error ? this.#fail(error.message, error) : this.#acknowledged(message)),
    });
    this.#watch = setInterval(() => this.#checkConnection(), CHECK_MS);
  }

  get inFlight(): number {
    return this.#messages;
  }

  full(): boolean {
    const { maxInFlight, maxInFlightBytes } = this.#options;
    const full = this.#messages >= maxInFlight || this.#bytes >= maxInFlightBytes;
    this.#wasFull ||= full;
    return full;
  }

  publish(publication: Publication): void {
    if (this.#done) return;
    this.#messages += 1;
    this.#bytes += publication.payload.length;
    this.publishedTotal += 1;
    // All messages from one read of the socket are published in one turn, so no timer is needed.
    if (this.#pending.push(publication) === 1) queueMicrotask(() => this.#flush());
  }

  stop(): void {
    this.#done = true;
    clearInterval(this.#watch);
    this.#acks.unsubscribe();
    this.#inFlight = [];
    this.#pending = [];
    this.#messages = 0;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    let batch: Batch = { sequence: 0, messages: 0, bytes: 0, stored: undefined, onStored: [], sentAt: Date.now() };
    for (let n = 0; n < pending.length && !this.#done; n += 1) {
      const publication = pending[n] as Publication;
      batch.messages += 1;
      batch.bytes += publication.payload.length;
      if (publication.completes) batch.stored = publication.lsn;
      if (publication.onStored) batch.onStored.push(publication.onStored);
      const isLast = n === pending.length - 1 || batch.messages >= BATCH_MESSAGES || batch.bytes >= BATCH_BYTES;
      this.#send(publication, isLast);
      if (!isLast) continue;
      batch.sequence = this.#sequence;
      this.#inFlight.push(batch);
      batch = { ...batch, messages: 0, bytes: 0, stored: undefined, onStored: [] };
    }
  }

  #send({ subject, epoch, lsn, xid, ordinal, payload }: Publication, ask: boolean): void {
    const sequence = this.#sequence + 1;
    const hex = lsnToHex(lsn);
    if (ordinal !== undefined) this.#lastEnvelope = { lsn, ordinal };
    const id =
      ordinal === undefined ? heartbeatId(epoch, hex, sequence, this.#lastEnvelope) : envelopeId(epoch, hex, ordinal);
    const follows =
      this.#lastId === undefined
        ? `Nats-Expected-Last-Sequence: ${this.#sequence}`
        : `Nats-Expected-Last-Msg-Id: ${this.#lastId}`;
    const about = `${CHANGE_HEADERS.epoch}: ${epoch}\r\n${CHANGE_HEADERS.lsn}: ${hex}`;
    const transaction = xid === undefined ? '' : `${CHANGE_HEADERS.xid}: ${xid}\r\n`;
    const text = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n${follows}\r\n${about}\r\n${transaction}\r\n`;
    this.#headers.text = text;
    try {
      const options = { headers: this.#headers, ...(ask && { reply: `${this.#inbox}.${sequence}` }) };
      this.#client.nc.publish(subject, payload, options);
    } catch (error) {
      this.#fail((error as Error).message, error);
      return;
    }
    this.#sequence = sequence;
    this.#lastId = id;
  }

  #acknowledged(message: Msg): void {
    if (this.#done) return;
    const sequence = Number(message.subject.slice(this.#inbox.length + 1));
    const problem = problemOf(message, sequence);
    if (problem) {
      this.#fail(problem);
      return;
    }
    const batch = this.#inFlight.shift();
    if (batch?.sequence !== sequence) {
      this.#fail(`the acknowledgement of ${batch?.sequence} is missing, ${sequence} was stored`);
      return;
    }
    this.#messages -= batch.messages;
    this.#bytes -= batch.bytes;
    if (batch.stored !== undefined) this.#options.onStored(batch.stored);
    for (const onStored of batch.onStored) onStored();
    if (this.#wasFull && !this.#done && this.#messages <= this.#options.maxInFlight / 2 && !this.full()) {
      this.#wasFull = false;
      this.#options.onRoom();
    }
  }

  #checkConnection(): void {
    const oldest = this.#inFlight[0];
    // Messages sent on a lost connection may or may not be stored; the stream's tail tells.
    if (!this.#options.bus.connected()) this.#fail('the connection to NATS is lost');
    else if (oldest && Date.now() - oldest.sentAt > ACK_TIMEOUT_MS) {
      this.#fail(`no acknowledgement within ${ACK_TIMEOUT_MS} ms`);
    }
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#done) return;
    this.stop();
    this.#options.onFailed(reason, cause);
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
