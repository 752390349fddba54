/**
 * One tenure of the slot: from taking it until the first failure. What happens to a WAL message:
 *
 *   socket → decode → queue → [relation: ask the catalog] → transaction → envelopes → publisher → JetStream
 *                                                                                        │ acknowledged
 *                                                 Postgres ◄── report the position ◄─────┘
 *
 * The socket is paused while the publisher is full or the queue is long.
 */
import { type Heartbeat, type Lsn, lsnToHex, mintEpoch } from '@tidemark/contracts';
import type { RealtimeEvent } from '../events.ts';
import type { EnvelopePlace } from '../message-id.ts';
import { judgeContinuity } from './continuity.ts';
import { decodePgoutput, type PgMessage } from './pgoutput.ts';
import { Publisher, readTail } from './publisher.ts';
import { MAX_MEASURED, type RelayMemory, type RelayOptions } from './relay.ts';
import { openReplication, type Replication } from './replication.ts';
import * as statements from './statements.ts';
import { type EncodedEnvelope, TransactionEnvelopes } from './transaction.ts';
import { planRelation, type RelationPlan } from './type-catalog.ts';

export interface SessionEvents {
  /** JetStream holds everything up to `lsn`. */
  onProgress(lsn: Lsn): void;
  onReread(): void;
  onFailed(error: Error): void;
}

export interface RelaySession {
  readonly epoch: string;
  begin(): void;
  inFlight(): number;
  /** Waits up to `deadlineMs` for acknowledgements, reports the last position, frees the slot. */
  close(deadlineMs: number): Promise<void>;
}

/** How often readers hear up to where everything is published. Three missed ones are a relay in trouble. */
const HEARTBEAT_MS = 500;
/** Without a commit for this long, something of our own goes through the WAL. */
const IDLE_EMIT_MS = 5_000;
/** Between two reports to Postgres at most; each is a small write of its. */
const REPORT_MS = 100;
/** Decoded messages that wait; pg hands over what one read from the socket brought (64 KB) at a time. */
const MAX_QUEUED = 2_000;
const OBJECT_IN_USE = '55006';
const DUPLICATE_OBJECT = '42710';
const UNREADABLE = 'RT_LITERAL_UNREADABLE';

type RowMessage = PgMessage & { tag: 'insert' | 'update' | 'delete' };

export async function openSession(
  options: RelayOptions,
  memory: RelayMemory,
  events: SessionEvents,
): Promise<RelaySession | 'taken'> {
  const { database, observe } = options;
  const admin = database.pools.admin;
  await statements.checkWalLevel(admin);
  await statements.ensurePublication(admin, options.publication);
  const slotCreated = await ensureSlot(options, observe);

  const session = new Session(options, memory, events);
  let replication: Replication;
  try {
    replication = await openReplication({
      url: options.url,
      applicationName: `tidemark relay ${options.instance}`,
      slot: options.slot,
      publication: options.publication,
      onMessage: (bytes) => session.received(decodePgoutput(bytes)),
      onKeepalive: (lsn) => session.keepalive(lsn),
      onEnd: (error) => session.fail(error),
    });
  } catch (error) {
    if ((error as { code?: string }).code === OBJECT_IN_USE) return 'taken';
    throw error;
  }
  replication.pause();
  try {
    // From here on the slot is ours: nobody else moves it, and nobody else publishes.
    await session.settle(replication, slotCreated);
    return session;
  } catch (error) {
    await replication.close();
    throw error;
  }
}

/** @returns whether it was created now */
async function ensureSlot(options: RelayOptions, observe: (event: RealtimeEvent) => void): Promise<boolean> {
  const admin = options.database.pools.admin;
  const found = await statements.findSlot(admin, options.slot);
  if (found && !found.lost) return false;
  if (found) await statements.dropSlot(admin, options.slot);
  try {
    await statements.createSlot(admin, options.slot);
  } catch (error) {
    // Another relay was quicker; that one decides on the epoch if it gets the slot, else its being new does not matter:
    // a new slot begins after the end of the stream, which is noticed.
    if ((error as { code?: string }).code === DUPLICATE_OBJECT) return false;
    throw error;
  }
  observe({ type: 'relay.slot_created', slot: options.slot, lost: found !== undefined });
  return true;
}

class Session implements RelaySession {
  epoch = '';
  #options: RelayOptions;
  #memory: RelayMemory;
  #events: SessionEvents;
  #queue: PgMessage[] = [];
  #replication: Replication | undefined;
  #publisher: Publisher | undefined;
  #relations = new Map<number, RelationPlan>();
  #transaction: TransactionEnvelopes | undefined;
  /** The last envelope that the stream holds already. */
  #after: EnvelopePlace | undefined;
  /** Transactions up to here are in the stream whole. */
  #skipTo: Lsn = 0n;
  /** Everything up to here was handed to the publisher. */
  #settled: Lsn = 0n;
  /** Everything up to here is in the stream. */
  #stored: Lsn = 0n;
  #reported: Lsn = 0n;
  #keepaliveLsn: Lsn | undefined;
  #lastCommitAt = Date.now();
  #running = false;
  #draining = false;
  #ended = false;
  #begun = false;
  /** As openSession left it. */
  #paused = true;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: RelayOptions, memory: RelayMemory, events: SessionEvents) {
    this.#options = options;
    this.#memory = memory;
    this.#events = events;
  }

  /** Decides under which epoch to publish, and after what. */
  async settle(replication: Replication, slotCreated: boolean): Promise<void> {
    this.#replication = replication;
    const { bus, observe, slot } = this.#options;
    // JetStream's folder may have been replaced while this instance stood by.
    await bus.ensureStreams();
    const admin = this.#options.database.pools.admin;
    const [slotFacts, server, last, { tail, lastSequence }] = await Promise.all([
      statements.findSlot(admin, slot),
      statements.serverFacts(admin),
      statements.lastEpoch(admin),
      readTail(bus),
    ]);
    const confirmedLsn = slotFacts?.confirmedLsn ?? 0n;
    const current = last ?? { epoch: '', systemIdentifier: server.systemIdentifier, timeline: server.timeline };
    const facts = { epoch: current, server, confirmedLsn, slotCreated, tail, lastSequence };
    const judged = last ? judgeContinuity(facts) : { kind: 'mint' as const, reason: 'there was none' };
    if (judged.kind === 'mint') {
      this.epoch = mintEpoch();
      await statements.insertEpoch(admin, { ...server, epoch: this.epoch }, judged.reason);
      observe({ type: 'relay.epoch_minted', epoch: this.epoch, reason: judged.reason });
    } else {
      this.epoch = current.epoch;
      this.#after = judged.after;
      this.#skipTo = judged.settled;
    }
    this.#settled = judged.kind === 'continue' ? judged.settled : confirmedLsn;
    this.#stored = confirmedLsn;
    this.#reported = confirmedLsn;
    this.#publisher = new Publisher({
      bus,
      lastSequence,
      lastEnvelope: this.#after,
      maxInFlight: this.#options.maxInFlight,
      maxInFlightBytes: this.#options.maxInFlightBytes,
      onStored: (lsn) => this.#onStored(lsn),
      onRoom: () => void this.#run(),
      onFailed: (error) => this.fail(error),
    });
  }

  begin(): void {
    this.#begun = true;
    this.#heartbeat();
    this.#timers.push(setInterval(() => this.#heartbeat(), HEARTBEAT_MS));
    this.#timers.push(setInterval(() => this.#report(false), REPORT_MS));
    this.#timers.push(setInterval(() => void this.#emitWhenIdle(), IDLE_EMIT_MS));
    void this.#run();
  }

  inFlight(): number {
    return this.#publisher?.inFlight ?? 0;
  }

  received(message: PgMessage): void {
    if (this.#ended || this.#draining) return;
    this.#queue.push(message);
    if (this.#queue.length >= MAX_QUEUED) this.#pause();
    if (this.#begun) void this.#run();
  }

  /** Only what came before it is settled, so it waits behind the queue. */
  keepalive(lsn: Lsn): void {
    this.#keepaliveLsn = lsn;
    this.#settleKeepalive();
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
      if (!this.#ended) this.#report(false);
      this.#end();
    }
    await this.#replication?.close();
  }

  #end(): void {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#publisher?.stop();
    this.#queue.length = 0;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#replication?.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#replication?.resume();
  }

  /** Works through the queue; only one at a time, and not while the publisher is full. */
  async #run(): Promise<void> {
    if (this.#running || this.#ended) return;
    this.#running = true;
    try {
      let at = 0;
      const batch = this.#queue;
      while (at < batch.length && !this.#ended && !this.#draining && !this.#publisher?.full()) {
        const done = this.#process(batch[at] as PgMessage);
        if (done) {
          this.#pause();
          await done;
        }
        at += 1;
      }
      if (!this.#ended) batch.splice(0, at);
      if (this.#publisher?.full()) this.#pause();
      else if (!this.#ended && !this.#draining) this.#resume();
      if (this.#queue.length === 0) this.#settleKeepalive();
    } catch (error) {
      this.fail(error as Error);
    } finally {
      this.#running = false;
    }
  }

  /** A promise only where Postgres must be asked: rows are processed without giving up the turn. */
  #process(message: PgMessage): Promise<void> | undefined {
    switch (message.tag) {
      case 'begin':
        this.#transaction = new TransactionEnvelopes({
          epoch: this.epoch,
          begin: message,
          endLsn: this.#memory.measured.get(message.finalLsn),
          maxBytes: this.#options.maxTransactionBytes,
          maxPayload: this.#options.bus.nc.info?.max_payload ?? 1_048_576,
        });
        return undefined;
      case 'relation':
        return planRelation(this.#options.database.pools.admin, message.relation).then((plan) => {
          this.#relations.set(message.relation.oid, plan);
        });
      case 'insert':
      case 'update':
      case 'delete': {
        const plan = this.#relations.get(message.oid) as RelationPlan;
        return plan.ask ? this.#addAsked(plan, message) : this.#add(plan, message);
      }
      case 'truncate':
        for (const oid of message.oids) this.#transaction?.truncate(this.#relations.get(oid) as RelationPlan);
        return undefined;
      case 'commit':
        this.#commit(message.endLsn);
        return undefined;
      default:
        return undefined;
    }
  }

  #add(plan: RelationPlan, message: RowMessage): Promise<void> | undefined {
    const transaction = this.#transaction as TransactionEnvelopes;
    try {
      transaction.add(plan, message);
    } catch (error) {
      // A text that we cannot read must not stop the WAL: from here on Postgres renders this relation's columns.
      if ((error as { code?: string }).code !== UNREADABLE) throw error;
      const distrusting = plan.distrust();
      this.#relations.set(message.oid, distrusting);
      this.#options.observe({ type: 'relay.failed', error: error as Error });
      return this.#addAsked(distrusting, message);
    }
    for (const envelope of transaction.ready()) this.#publish(envelope);
    return undefined;
  }

  async #addAsked(plan: RelationPlan, message: RowMessage): Promise<void> {
    const asked = { ...message };
    if ('row' in asked) asked.row = await plan.ask!(asked.row);
    if ('old' in asked && asked.old) asked.old = await plan.ask!(asked.old);
    if ('key' in asked && asked.key) asked.key = await plan.ask!(asked.key);
    await this.#add(plan, asked);
  }

  #commit(endLsn: Lsn): void {
    const transaction = this.#transaction as TransactionEnvelopes;
    this.#transaction = undefined;
    if (transaction.measuring) {
      const { xid, finalLsn } = transaction.begin;
      if (this.#memory.measured.size >= MAX_MEASURED) this.#memory.measured.clear();
      this.#memory.measured.set(finalLsn, endLsn);
      this.#options.observe({
        type: 'relay.transaction_measured',
        xid,
        bytes: this.#options.maxTransactionBytes,
      });
      this.#end();
      this.#events.onReread();
      return;
    }
    this.#memory.measured.delete(transaction.begin.finalLsn);
    for (const envelope of transaction.commit(endLsn)) this.#publish(envelope);
    if (endLsn > this.#settled) this.#settled = endLsn;
    this.#lastCommitAt = Date.now();
    this.#memory.transactionsTotal += 1;
    this.#memory.changesTotal += transaction.changes;
    if (transaction.tooLarge > 0) {
      this.#options.observe({ type: 'relay.row_too_large', xid: transaction.begin.xid, rows: transaction.tooLarge });
    }
  }

  #publish(envelope: EncodedEnvelope): void {
    if (this.#storedBefore(envelope)) return;
    this.#memory.publishedTotal += 1;
    this.#publisher?.publish({
      subject: this.#options.bus.subjects.changes(envelope.schema, envelope.table),
      epoch: this.epoch,
      lsn: envelope.lsn,
      xid: envelope.xid,
      ordinal: envelope.ordinal,
      payload: envelope.payload,
      completes: envelope.last,
    });
  }

  /** Postgres sends from the confirmed position, and the stream may have got further before the last session ended. */
  #storedBefore({ lsn, ordinal }: EncodedEnvelope): boolean {
    if (lsn <= this.#skipTo) return true;
    const after = this.#after;
    return after !== undefined && (lsn < after.lsn || (lsn === after.lsn && ordinal <= after.ordinal));
  }

  #settleKeepalive(): void {
    if (this.#keepaliveLsn === undefined || this.#queue.length > 0 || this.#transaction || this.#running) return;
    if (this.#keepaliveLsn > this.#settled) this.#settled = this.#keepaliveLsn;
    this.#keepaliveLsn = undefined;
  }

  /** Tells readers, through the same stream, up to where everything is in it; and asks Postgres how far it has sent. */
  #heartbeat(): void {
    if (this.#ended || this.#draining) return;
    this.#replication?.report(this.#stored, true);
    if (this.#publisher?.full()) return;
    const lsn = this.#settled;
    const body: Heartbeat = { epoch: this.epoch, lsn: lsnToHex(lsn), at: Date.now(), instance: this.#options.instance };
    this.#publisher?.publish({
      subject: this.#options.bus.subjects.heartbeat,
      epoch: this.epoch,
      lsn,
      payload: Buffer.from(JSON.stringify(body)),
      // In the middle of a large transaction `lsn` is the end of the one before.
      completes: true,
    });
  }

  #onStored(lsn: Lsn): void {
    if (lsn <= this.#stored) return;
    this.#stored = lsn;
    this.#events.onProgress(lsn);
  }

  #report(ask: boolean): void {
    if (this.#stored === this.#reported) return;
    this.#reported = this.#stored;
    this.#replication?.report(this.#stored, ask);
  }

  async #emitWhenIdle(): Promise<void> {
    if (Date.now() - this.#lastCommitAt < IDLE_EMIT_MS) return;
    try {
      await statements.emitHeartbeat(this.#options.database.pools.admin, this.#options.publication);
    } catch (error) {
      // The primary is away or full: the replication connection notices by itself; this is for the log.
      this.#options.observe({ type: 'relay.failed', error: error as Error });
    }
  }
}
