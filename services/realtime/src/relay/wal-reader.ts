/**
 * From the messages of the replication connection to envelopes, in order. Waits where Postgres must be asked (a new
 * relation, a type that only it can render) and where the publisher is full; the socket is paused meanwhile.
 */
import { DDL_PREFIX, type Lsn, TRACE_PREFIX } from '@tidemark/contracts';
import { formatTraceparent, parseTraceparent, type Span, type Tracing } from '@tidemark/service';
import type { DefinitionStats } from '../definitions/definition-watch.ts';
import type { TableName } from '../definitions/look.ts';
import type { RealtimeEvent } from '../events.ts';
import { allowanceOf, type RowMessage } from './change-text.ts';
import type { FailingTables } from './failing-tables.ts';
import { NetEffect } from './net-effect.ts';
import type { PgMessage, Relation } from './pgoutput.ts';
import { RelationPlans } from './relation-plans.ts';
import { type EncodedEnvelope, TransactionEnvelopes } from './transaction.ts';
import type { RelationPlan } from './type-catalog.ts';
import type { ValueRenderer } from './value-renderer.ts';

/** What outlives a session. */
export interface RelayMemory {
  transactionsTotal: number;
  changesTotal: number;
  publishedTotal: number;
  /** Ends of transactions that were too large to wait for their commit, by the position of their commit record. */
  measured: Map<Lsn, Lsn>;
  failing: FailingTables;
  /** Why the slot was dropped on purpose, until the epoch that comes of it is minted. */
  dropped: string | undefined;
  definitions: DefinitionStats;
}

export interface WalReaderOptions {
  renderer: ValueRenderer;
  memory: RelayMemory;
  epoch: string;
  maxTransactionBytes: number;
  maxPayload: number;
  tracing: Tracing | undefined;
  observe: (event: RealtimeEvent) => void;
  /** Whether there is room for more envelopes. */
  isFull(): boolean;
  pause(): void;
  resume(): void;
  /** Has definitions looked at that this transaction may have changed: of a table, or all. Undefined where that has been done. */
  look(xid: number, table?: TableName): Promise<void> | undefined;
  onEnvelope(envelope: EncodedEnvelope): void;
  /** All envelopes of transactions that end up to here were handed on. */
  onSettled(lsn: Lsn): void;
  /** A transaction was too large to be kept; its end is known now, and the WAL must be read again. */
  onMeasured(): void;
  onFailed(error: Error): void;
}

/** Decoded messages that wait; pg hands over what one read from the socket brought (64 KB) at a time. */
const MAX_QUEUED = 2_000;
/** A transaction that is measured is read again at once; more than a few at a time would be a mistake of ours. */
const MAX_MEASURED = 16;
const UNREADABLE = 'RT_LITERAL_UNREADABLE';

export class WalReader {
  lastCommitAt = Date.now();
  #options: WalReaderOptions;
  #queue: PgMessage[] = [];
  #plans: RelationPlans;
  #transaction: TransactionEnvelopes | undefined;
  /** Changes of the transaction to tables with a deferrable key. */
  #net = new NetEffect();
  /** Of the transaction: from its commit to the publisher. */
  #span: Span | undefined;
  #keepaliveLsn: Lsn | undefined;
  /** Postgres is being asked; the queue waits. */
  #asking = false;
  #stopped = false;

  constructor(options: WalReaderOptions) {
    this.#options = options;
    this.#plans = new RelationPlans(options.renderer);
  }

  receive(message: PgMessage): void {
    if (this.#stopped) return;
    this.#queue.push(message);
    if (this.#queue.length >= MAX_QUEUED) this.#options.pause();
    this.run();
  }

  /** Everything up to `lsn` has been received; it is settled when the queue has been worked through. */
  keepalive(lsn: Lsn): void {
    this.#keepaliveLsn = lsn;
    if (!this.#asking) this.#settleKeepalive();
  }

  /** Of these tables the definitions changed. */
  planAgain(tables: readonly TableName[]): void {
    this.#plans.outdate(tables);
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

  /** Works through the queue, in this turn, until Postgres must be asked or there is no room. */
  run(): void {
    if (this.#asking || this.#stopped) return;
    const { isFull, pause, resume, onFailed } = this.#options;
    const queue = this.#queue;
    try {
      let at = 0;
      let asking: Promise<void> | undefined;
      while (at < queue.length && !asking && !this.#stopped && !isFull()) {
        asking = this.#process(queue[at] as PgMessage);
        at += 1;
      }
      if (at >= queue.length) queue.length = 0;
      else queue.splice(0, at);
      if (asking) {
        pause();
        this.#asking = true;
        asking.then(
          () => {
            this.#asking = false;
            this.run();
          },
          (error) => onFailed(error),
        );
        return;
      }
      if (isFull()) pause();
      else if (!this.#stopped) resume();
      this.#settleKeepalive();
    } catch (error) {
      onFailed(error as Error);
    }
  }

  #settleKeepalive(): void {
    if (this.#keepaliveLsn === undefined || this.#queue.length > 0 || this.#transaction || this.#stopped) return;
    this.#options.onSettled(this.#keepaliveLsn);
    this.#keepaliveLsn = undefined;
  }

  /** A promise only where Postgres must be asked: rows are processed without giving up the turn. */
  #process(message: PgMessage): Promise<void> | undefined {
    const { epoch, memory, maxTransactionBytes: maxBytes, maxPayload } = this.#options;
    switch (message.tag) {
      case 'begin': {
        const endLsn = memory.measured.get(message.finalLsn);
        this.#transaction = new TransactionEnvelopes({ epoch, begin: message, endLsn, maxBytes, maxPayload });
        // Its first envelopes leave before it is known what else it holds.
        return endLsn === undefined ? undefined : this.#look();
      }
      case 'relation':
        return this.#plan(message.relation);
      case 'insert':
      case 'update':
      case 'delete': {
        const refreshed = this.#plans.refresh(message.oid);
        if (refreshed) return refreshed.then(() => this.#process(message));
        const plan = this.#plans.get(message.oid);
        if (!plan.isDeferrable) return this.#addRow(plan, message);
        this.#net.add(plan, message);
        return undefined;
      }
      case 'truncate':
        return this.#truncate(message.oids);
      case 'commit':
        if (!this.#net.isEmpty) return this.#addNet().then(() => this.#commit(message.endLsn));
        this.#commit(message.endLsn);
        return undefined;
      case 'message':
        if (!message.transactional) return undefined;
        if (message.prefix === DDL_PREFIX) return this.#look();
        if (message.prefix === TRACE_PREFIX) this.#carry(String(message.content));
        return undefined;
      default:
        return undefined;
    }
  }

  async #addNet(): Promise<void> {
    for (const { plan, messages } of this.#net.take()) {
      for (const message of messages ?? []) await this.#addRow(plan, message);
      if (!messages) this.#transaction?.addUnknown(plan);
    }
  }

  #addRow(plan: RelationPlan, message: RowMessage): Promise<void> | undefined {
    return plan.isUnknown || plan.asked.length > 0 ? this.#addAsked(plan, message) : this.#add(plan, message);
  }

  /** Postgres sends a relation before its first row, and again before the next one after anything about it may have changed. */
  async #plan(relation: Relation): Promise<void> {
    await this.#look(relation);
    await this.#plans.plan(relation);
  }

  #look(table?: TableName): Promise<void> | undefined {
    return this.#transaction && this.#options.look(this.#transaction.begin.xid, table);
  }

  /** Of a partitioned table, the files of its partitions have changed, and with them its definition: that comes first. */
  async #truncate(oids: readonly number[]): Promise<void> {
    const plans = oids.map((oid) => this.#plans.get(oid));
    for (const { relation } of plans) await this.#look(relation);
    for (const plan of plans) {
      this.#net.forget(plan.relation.oid);
      this.#transaction?.truncate(plan);
    }
  }

  #add(plan: RelationPlan, message: RowMessage, allowance?: number): Promise<void> | undefined {
    const transaction = this.#transaction as TransactionEnvelopes;
    try {
      transaction.add(plan, message, allowance);
    } catch (error) {
      // A text that we cannot read must not stop the WAL: Postgres renders it.
      if ((error as { code?: string }).code !== UNREADABLE) throw error;
      return this.#addAsked(this.#options.renderer.distrust(plan, error as Error), message);
    }
    for (const envelope of transaction.ready()) this.#options.onEnvelope(envelope);
    return undefined;
  }

  async #addAsked(plan: RelationPlan, message: RowMessage): Promise<void> {
    const allowance = allowanceOf(plan, message);
    await this.#add(plan, await this.#options.renderer.render(plan, message), allowance);
  }

  /** The trace of whoever wrote the transaction: its envelopes continue it. */
  #carry(text: string): void {
    const parent = parseTraceparent(text);
    if (!parent || !this.#transaction) return;
    const { committedAt: startedAt, xid } = this.#transaction.begin;
    const attributes = { 'tidemark.xid': xid };
    this.#span = this.#options.tracing?.start('change', { kind: 'producer', parent, startedAt, attributes });
    this.#transaction.trace = this.#span?.traceparent ?? formatTraceparent(parent);
  }

  #commit(endLsn: Lsn): void {
    const { memory, observe, maxTransactionBytes } = this.#options;
    const transaction = this.#transaction as TransactionEnvelopes;
    const { xid, finalLsn } = transaction.begin;
    this.#transaction = undefined;
    if (transaction.measuring) {
      if (memory.measured.size >= MAX_MEASURED) memory.measured.clear();
      memory.measured.set(finalLsn, endLsn);
      observe({ type: 'relay.transaction_measured', xid, bytes: maxTransactionBytes });
      this.stop();
      this.#options.onMeasured();
      return;
    }
    memory.measured.delete(finalLsn);
    for (const envelope of transaction.commit(endLsn)) this.#options.onEnvelope(envelope);
    this.#span?.end({ 'tidemark.changes': transaction.changes });
    this.#span = undefined;
    this.#options.onSettled(endLsn);
    this.lastCommitAt = Date.now();
    memory.transactionsTotal += 1;
    memory.changesTotal += transaction.changes;
    if (transaction.tooLarge > 0) observe({ type: 'relay.row_too_large', xid, rows: transaction.tooLarge });
  }
}
