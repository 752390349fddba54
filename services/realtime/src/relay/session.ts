/**
 * A session of the relay: from taking the slot until the first failure. The way of a WAL message:
 *
 *   socket → decode → WalReader: queue → transaction → envelopes → Publisher → JetStream
 *                                                                      │ acknowledged
 *                               Postgres ◄── report the position ◄─────┘
 */
import { ChangesPublisher } from '@tidemark/bus';
import { type Heartbeat, type Lsn, lsnToHex } from '@tidemark/contracts';
import { every, type Repeating } from '@tidemark/service';
import { DefinitionWatch } from '../definitions/definition-watch.ts';
import { definitionMessages } from '../definitions/messages.ts';
import { errors } from '../errors.ts';
import { ChangeSubjects } from './change-subjects.ts';
import { emitWhileIdle } from './idle-heartbeat.ts';
import { decodePgoutput, type PgMessage } from './pgoutput.ts';
import type { RelayOptions } from './relay-options.ts';
import type { Replication } from './replication.ts';
import { findStart, isStoredBefore, type SessionStart } from './session-start.ts';
import { takeSlot } from './take-slot.ts';
import type { EncodedEnvelope } from './transaction.ts';
import { ValueRenderer } from './value-renderer.ts';
import { type RelayMemory, WalReader } from './wal-reader.ts';

export interface SessionEvents {
  onProgress(lsn: Lsn): void;
  onReread(): void;
  onFailed(error: Error): void;
}

export interface RelaySession {
  readonly epoch: string;
  begin(): void;
  inFlight(): number;
  close(deadlineMs: number): Promise<void>;
}

/** Heartbeats tell readers up to where everything is published; they report a problem after three missed ones. */
const HEARTBEAT_MS = 500;
/** Least time between two reports to Postgres, each of which is a small write. */
const REPORT_MS = 100;

export async function openSession(
  options: RelayOptions,
  memory: RelayMemory,
  events: SessionEvents,
): Promise<RelaySession | 'taken'> {
  const session = new Session(options, memory, events);
  const taken = await takeSlot(options, {
    onMessage: (bytes) => session.received(decodePgoutput(bytes)),
    onKeepalive: (lsn) => session.keepalive(lsn),
    onEnd: (error) => session.fail(error),
  });
  if (!taken) return 'taken';
  try {
    // Only the holder of the slot moves it and publishes.
    await session.settle(taken.replication, taken.created);
    return session;
  } catch (error) {
    await session.close(0);
    throw error;
  }
}

class Session implements RelaySession {
  epoch = '';
  #options: RelayOptions;
  #memory: RelayMemory;
  #events: SessionEvents;
  #replication: Replication | undefined;
  #publisher: ChangesPublisher | undefined;
  #reader: WalReader | undefined;
  #watch: DefinitionWatch | undefined;
  /** Messages received before the session began: at most those of one read from the socket. */
  #early: PgMessage[] = [];
  #start: SessionStart | undefined;
  /** The publisher has received everything up to here. */
  #settled: Lsn = 0n;
  /** No message names a later position. */
  #published: Lsn = 0n;
  /** The stream holds everything up to here. */
  #stored: Lsn = 0n;
  #reported: Lsn = 0n;
  #draining = false;
  #ended = false;
  #paused = true;
  #timers: Repeating[] = [];
  #reporting: NodeJS.Timeout | undefined;
  #subjects: ChangeSubjects;

  constructor(options: RelayOptions, memory: RelayMemory, events: SessionEvents) {
    this.#options = options;
    this.#memory = memory;
    this.#events = events;
    this.#subjects = new ChangeSubjects(options.bus);
  }

  async settle(replication: Replication, slotCreated: boolean): Promise<void> {
    this.#replication = replication;
    const { bus } = this.#options;
    // JetStream's folder may have been replaced while this instance was a standby.
    await bus.ensureChangesStream();
    const start = await findStart(this.#options, slotCreated, this.#memory.dropped);
    this.epoch = start.epoch;
    if (start.isNew) this.#memory.dropped = undefined;
    this.#start = start;
    this.#settled = start.settled;
    this.#published = start.after && start.after.lsn > start.settled ? start.after.lsn : start.settled;
    this.#stored = start.confirmed;
    this.#reported = start.confirmed;
    this.#publisher = new ChangesPublisher({
      bus,
      lastSequence: start.lastSequence,
      lastEnvelope: start.after,
      maxInFlight: this.#options.maxInFlight,
      maxInFlightBytes: this.#options.maxInFlightBytes,
      onStored: (lsn) => this.#onStored(lsn),
      onRoom: () => this.#reader?.run(),
      onFailed: (reason, cause) => this.fail(errors.PUBLISH_FAILED({ reason }, { cause })),
    });
    // Definitions may have changed, and the last session may not have stored its messages.
    this.#watch = this.#watchDefinitions();
    await this.#watch.start();
  }

  #watchDefinitions(): DefinitionWatch {
    const { database, publication, definitionsCheckMs, observe } = this.#options;
    return new DefinitionWatch({
      admin: database.pools.admin,
      publication,
      checkMs: definitionsCheckMs,
      stats: this.#memory.definitions,
      observe,
      published: () => this.#published,
      publish: (changed, onStored) => {
        this.#reader?.planAgain(changed);
        const messages = definitionMessages({ epoch: this.epoch, lsn: this.#settled, at: Date.now(), changed });
        messages.forEach((payload, n) => {
          this.#publishAside(
            this.#options.bus.subjects.definitions,
            payload,
            n === messages.length - 1 ? onStored : undefined,
          );
        });
      },
    });
  }

  begin(): void {
    const { database, bus, maxTransactionBytes, tracing, observe } = this.#options;
    const { failing } = this.#memory;
    this.#reader = new WalReader({
      renderer: new ValueRenderer(database.pools.admin, failing, observe),
      memory: this.#memory,
      epoch: this.epoch,
      maxTransactionBytes,
      maxPayload: bus.maxPayload(),
      tracing,
      observe,
      isFull: () => this.#publisher?.full() ?? true,
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      look: (xid, table) => this.#watch?.before(xid, table),
      versionOf: (table) => this.#watch?.versionOf(table),
      onEnvelope: (envelope) => this.#publish(envelope),
      onSettled: (lsn) => {
        if (lsn > this.#settled) this.#settled = lsn;
        if (lsn > this.#published) this.#published = lsn;
      },
      onMeasured: () => {
        this.#end();
        this.#events.onReread();
      },
      onFailed: (error) => this.fail(error),
    });
    for (const message of this.#early.splice(0)) this.#reader.receive(message);
    this.#heartbeat();
    const failed = ({ error }: { error: Error }) => this.fail(error);
    this.#timers.push(every('relay heartbeat', HEARTBEAT_MS, () => this.#heartbeat(), failed));
    this.#timers.push(emitWhileIdle(this.#options, () => this.#reader?.lastCommitAt ?? 0));
    this.#reader.run();
  }

  inFlight(): number {
    return this.#publisher?.inFlight ?? 0;
  }

  received(message: PgMessage): void {
    if (this.#ended || this.#draining) return;
    if (this.#reader) this.#reader.receive(message);
    else this.#early.push(message);
  }

  /** Ignores keepalives before the session begins, since each heartbeat requests another. */
  keepalive(lsn: Lsn): void {
    this.#reader?.keepalive(lsn);
  }

  fail(error: Error): void {
    if (this.#ended) return;
    this.#end();
    void this.#replication?.close();
    this.#events.onFailed(error);
  }

  async close(deadlineMs: number): Promise<void> {
    if (!this.#ended) {
      this.#draining = true;
      this.#pause();
      const deadline = Date.now() + deadlineMs;
      while (this.inFlight() > 0 && Date.now() < deadline && !this.#ended) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (!this.#ended) this.#report();
    }
    // A connection that fails while the session is settled ends it before its watch and its publisher exist.
    this.#end();
    await this.#replication?.close();
  }

  #end(): void {
    this.#ended = true;
    for (const timer of this.#timers) timer.stop();
    clearTimeout(this.#reporting);
    this.#watch?.stop();
    this.#publisher?.stop();
    this.#reader?.stop();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#replication?.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#draining || this.#ended) return;
    this.#paused = false;
    this.#replication?.resume();
  }

  #publish(envelope: EncodedEnvelope): void {
    if (!this.#start || isStoredBefore(this.#start, envelope)) return;
    if (envelope.lsn > this.#published) this.#published = envelope.lsn;
    this.#memory.publishedTotal += 1;
    this.#publisher?.publish({
      subject: this.#subjects.of(envelope.schema, envelope.table),
      epoch: this.epoch,
      lsn: envelope.lsn,
      xid: envelope.xid,
      ordinal: envelope.ordinal,
      payload: envelope.payload,
      completes: envelope.last,
    });
  }

  #heartbeat(): void {
    if (this.#ended || this.#draining) return;
    this.#replication?.report(this.#stored, true);
    if (this.#publisher?.full()) return;
    const lsn = this.#settled;
    const body: Heartbeat = { epoch: this.epoch, lsn: lsnToHex(lsn), at: Date.now(), instance: this.#options.instance };
    this.#publishAside(this.#options.bus.subjects.heartbeat, Buffer.from(JSON.stringify(body)));
  }

  /** Publishes a message that belongs to no transaction, at the position of the last complete one. */
  #publishAside(subject: string, payload: Buffer, onStored?: () => void): void {
    this.#publisher?.publish({
      subject,
      epoch: this.epoch,
      lsn: this.#settled,
      payload,
      completes: true,
      ...(onStored && { onStored }),
    });
  }

  #onStored(lsn: Lsn): void {
    if (lsn <= this.#stored) return;
    this.#stored = lsn;
    this.#events.onProgress(lsn);
    this.#reporting ??= setTimeout(() => {
      this.#reporting = undefined;
      if (!this.#ended) this.#report();
    }, REPORT_MS);
  }

  #report(): void {
    if (this.#stored === this.#reported) return;
    this.#reported = this.#stored;
    this.#replication?.report(this.#stored, false);
  }
}
