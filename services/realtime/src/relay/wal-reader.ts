/** Makes envelopes of WAL messages in order. It waits for Postgres and for the publisher with the socket paused. */
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

/** The state that outlives a session. */
export interface RelayMemory {
  transactionsTotal: number;
  changesTotal: number;
  publishedTotal: number;
  /** Ends of measured transactions, by the positions of their commit records. */
  measured: Map<Lsn, Lsn>;
  failing: FailingTables;
  /** Reason for which the slot was dropped, until the next epoch is minted. */
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
  isFull(): boolean;
  pause(): void;
  resume(): void;
  /** Checks what this transaction may have changed: a table, or all. Undefined where that was done. */
  look(xid: number, table?: TableName): Promise<void> | undefined;
  /** Returns the announced version of a table's definition. */
  versionOf(table: TableName): string | undefined;
  onEnvelope(envelope: EncodedEnvelope): void;
  /** Called when all envelopes of the transactions that end at or before `lsn` were passed on. */
  onSettled(lsn: Lsn): void;
  /** Called when a transaction was measured, and the WAL must be read again. */
  onMeasured(): void;
  onFailed(error: Error): void;
}

/** Decoded messages at which the socket is paused; one read from the socket (64 KB) may add more. */
const MAX_QUEUED = 2_000;
/** Measured transactions remembered. Each is read again at once, so more than a few would be a bug. */
const MAX_MEASURED = 16;
const UNREADABLE = 'RT_LITERAL_UNREADABLE';

export class WalReader {
  lastCommitAt = Date.now();
  #options: WalReaderOptions;
  #queue: PgMessage[] = [];
  #plans: RelationPlans;
  #transaction: TransactionEnvelopes | undefined;
  #net = new NetEffect();
  #span: Span | undefined;
  #keepaliveLsn: Lsn | undefined;
  #asking = false;
  #stopped = false;

  constructor(options: WalReaderOptions) {
    this.#options = options;
    this.#plans = new RelationPlans(options.renderer, options.versionOf);
  }

  receive(message: PgMessage): void {
    if (this.#stopped) return;
    this.#queue.push(message);
    if (this.#queue.length >= MAX_QUEUED) this.#options.pause();
    this.run();
  }

  /** Notes that everything up to `lsn` was received. It is settled when the queue is empty. */
  keepalive(lsn: Lsn): void {
    this.#keepaliveLsn = lsn;
    if (!this.#asking) this.#settleKeepalive();
  }

  planAgain(tables: readonly TableName[]): void {
    this.#plans.outdate(tables);
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
  }

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

  /** Returns a promise only where it waits for Postgres, so that rows are processed in one turn. */
  #process(message: PgMessage): Promise<void> | undefined {
    const { epoch, memory, maxTransactionBytes: maxBytes, maxPayload } = this.#options;
    switch (message.tag) {
      case 'begin': {
        const endLsn = memory.measured.get(message.finalLsn);
        this.#transaction = new TransactionEnvelopes({ epoch, begin: message, endLsn, maxBytes, maxPayload });
        // The first envelopes are published before the rest of the transaction is known.
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

  /** Postgres sends a relation before its first row, and again after anything about it may have changed. */
  async #plan(relation: Relation): Promise<void> {
    await this.#look(relation);
    await this.#plans.plan(relation);
  }

  #look(table?: TableName): Promise<void> | undefined {
    return this.#transaction && this.#options.look(this.#transaction.begin.xid, table);
  }

  /** Checks a partitioned table's definition first, since a TRUNCATE changes the files of its partitions. */
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
      // Postgres renders a text that cannot be parsed here, so that it does not stop the WAL.
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
