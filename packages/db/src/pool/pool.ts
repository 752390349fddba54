/** Leases are exclusive and end with their connection; requests wait (admission.ts) up to their timeout. */
import type { HeldConnection, PoolStats } from '@tidemark/contracts';
import { AnswerBudget } from '../connection/answer-budget.ts';
import type { StatementWatch } from '../connection/cancel-when-gone.ts';
import type { PooledConnection, Rest } from '../connection/connection.ts';
import { makeReady } from '../connection/make-ready.ts';
import { measurePrepared } from '../connection/measure-prepared.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { Pipelines, pipelinesOf } from '../pipeline/pipelines.ts';
import { StatementStatsRegistry } from '../statements/registry.ts';
import type { LeaseClass, RunTimes } from '../statements/run-times.ts';
import { runQuery, runTransaction } from '../transactions/transaction.ts';
import type { Param, Pool, QueryOptions, Row, Rows, Transaction, TransactionOptions } from '../types.ts';
import { Admission } from './admission.ts';
import { connectionStats } from './connection-stats.ts';
import { checkLeases, closeSpare, endUnanswered } from './deadlines.ts';
import type { PoolInit } from './init.ts';
import { Lease, leaks, longestLease } from './lease.ts';
import type { LeaseSource } from './lease-source.ts';
import { PoolMeter } from './meter.ts';
import { OpenConnections } from './open-connections.ts';
import type { PoolOptions } from './options.ts';
import { resetSession } from './reset-session.ts';

const SWEEP_MS = 250;
const SENT = 'statements may have been sent and were not answered; whether a COMMIT among them happened is unknown';

export class ConnectionPool implements Pool, LeaseSource {
  readonly name: string;
  readonly options: PoolOptions;
  readonly meter: PoolMeter = new PoolMeter();
  readonly statements: StatementStatsRegistry;
  readonly pipelines: Pipelines;
  readonly observe: (event: DbEvent) => void;
  readonly answers: AnswerBudget;
  isClosed = false;
  moves = 0;
  readonly #timeouts: PoolInit['timeouts'];
  readonly #connections: OpenConnections;
  readonly #leases = new Set<Lease>();
  readonly #admission: Admission;
  readonly #sweeper: NodeJS.Timeout;
  #closing: Promise<void> | undefined;

  constructor(init: PoolInit) {
    this.name = init.name;
    this.options = init.options;
    this.observe = init.observe;
    this.answers = init.answers ?? new AnswerBudget();
    this.statements = new StatementStatsRegistry(init.name, init.log);
    this.pipelines = new Pipelines(this, init.rest === 'none' && !init.isPooled ? pipelinesOf(init.options.max) : 0);
    this.#admission = new Admission(init.options);
    this.#timeouts = init.timeouts;
    const { meter, answers } = this;
    this.#connections = new OpenConnections(init, { admission: this.#admission, meter, answers });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    this.#connections.grow();
  }

  get load(): number {
    return this.#leases.size + this.#admission.waiting + this.pipelines.pending;
  }

  get problem(): string | undefined {
    return this.#connections.isAway ? this.#connections.error?.message : undefined;
  }

  query<R extends Row = Row>(text: string, params?: readonly Param[], options: QueryOptions = {}): Promise<Rows<R>> {
    return runQuery<R>(this, { text, ...(params !== undefined && { params }) }, options);
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const { value } = await runTransaction(this, work, options);
    return value;
  }

  async acquire(rest: Rest, options: QueryOptions, times?: RunTimes): Promise<Lease> {
    const began = performance.now();
    const { client, holder } = options;
    const key = client?.key;
    const leaseClass = times?.begin(began) ?? 'short';
    try {
      for (;;) {
        if (client?.isGone) throw errors.CLIENT_GONE();
        if (this.isClosed) throw errors.POOL_CLOSED({ pool: this.name });
        const connection =
          this.#admission.take(rest, key, leaseClass) ?? (await this.#wait(began, options, leaseClass));
        try {
          const ready = makeReady(connection, rest, this.options.validateAfterIdleMs);
          if (ready !== undefined) await ready;
        } catch (error) {
          // A connection that has died unnoticed costs another try within the same timeout, not the request.
          connection.discard(error as Error);
          this.#admission.left(key, leaseClass);
          continue;
        }
        const now = performance.now();
        this.meter.acquiredTotal++;
        this.meter.waits.record(now - began, now);
        const lease = new Lease(connection, now, { holder, client, times, leaseClass });
        this.#leases.add(lease);
        this.meter.addBusy(1);
        return lease;
      }
    } catch (error) {
      times?.left();
      throw error;
    }
  }

  release(lease: Lease): void {
    if (!this.#leases.delete(lease)) return;
    const { connection } = lease;
    if (!lease.shared) {
      const now = performance.now();
      const heldMs = now - lease.since;
      lease.times?.ended(heldMs, now);
      this.meter.addBusy(-1);
      if (connection.state !== 'gone') this.#admission.ended(heldMs);
      lease.client?.spent?.(heldMs, lease.isFruitless || lease.client.isGone);
    }
    this.#admission.left(lease.client?.key, lease.leaseClass);
    if (connection.state === 'gone') return;
    if (lease.resetAfter && !connection.isPooled) {
      resetSession(connection, lease.resetAfter).then(
        () => this.#free(connection),
        (error: Error) => connection.discard(error),
      );
    } else if (!this.isClosed && connection.isFresh && connection.prepared.wantsMeasure) {
      // It stays busy meanwhile. A rejection means that it was discarded, and the pool told.
      measurePrepared(connection).then(
        () => this.#free(connection),
        () => undefined,
      );
    } else this.#free(connection);
  }

  releaseAfter(watch: StatementWatch | undefined, lease: Lease): void {
    const cancelled = watch?.end();
    if (cancelled === undefined) this.release(lease);
    else void cancelled.then(() => this.release(lease));
  }

  statementLimit(role: string | undefined, asked: number | undefined): number {
    const limitMs = asked ?? this.options.statementTimeoutMs;
    const timeouts = this.#timeouts;
    return role === undefined || timeouts === undefined ? limitMs : timeouts.least(role, limitMs, asked);
  }

  share(lease: Lease): void {
    lease.shared = true;
    this.meter.addBusy(-1);
  }

  /** Rejects statements older than `ms` and all waiting requests, so that they can be served elsewhere now. */
  giveUp(ms: number, reason: string): void {
    const now = performance.now();
    const stalled = [...this.#connections].filter((connection) => connection.stalledMs(now) > ms);
    for (const connection of stalled) connection.discard(this.#lost(reason));
    this.#admission.rejectAll(() => this.#lost(reason));
  }

  moveTo(target: ConnectionTarget): void {
    this.moves++;
    this.#connections.moveTo(target, this.#lost(`the pool has moved to ${target.label}`));
  }

  forgetStatements(): void {
    for (const connection of this.#connections) connection.forgetStatements();
  }

  /** Each connection does so before its next lease; a pipeline takes no more reads and ends. */
  discardPlans(): void {
    for (const connection of this.#connections) connection.hasStalePlans = true;
  }

  #lost(reason: string): Error {
    return errors.CONNECTION_LOST({ pool: this.name, reason, sent: SENT });
  }

  stats(): PoolStats {
    const { waiting, limit, long } = this.#admission;
    const now = performance.now();
    return {
      ...connectionStats(this.#connections, this.pipelines.idleConnections),
      name: this.name,
      min: this.options.min,
      max: this.options.max,
      limit,
      long,
      waiting,
      waitingLimit: this.options.waitingLimit,
      statisticsBytes: this.statements.bytes,
      ...this.meter.stats(this.options.max),
      ...longestLease(this.#leases, now),
      ...leaks(this.#leases, now),
    };
  }

  held(now: number): HeldConnection[] {
    return [...this.#leases].map((lease) => lease.shown(this.name, now));
  }

  close(deadlineMs: number = this.options.acquireTimeoutMs): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.isClosed = true;
    clearInterval(this.#sweeper);
    this.#connections.startClosing();
    const closed = () => errors.POOL_CLOSED({ pool: this.name });
    this.#admission.rejectAll(closed);
    this.pipelines.close();
    await this.#connections.close(deadlineMs, closed);
  }

  #wait(began: number, { client, acquireTimeoutMs }: QueryOptions, leaseClass: LeaseClass): Promise<PooledConnection> {
    const { name, options } = this;
    const key = client?.key;
    if (this.#admission.refuses(key, this.#connections.isAway, leaseClass)) {
      const { waiting } = this.#admission;
      this.meter.refusedTotal++;
      this.observe({ type: 'db.refused', pool: name, waiting });
      throw errors.POOL_FULL({ pool: name, waiting, max: options.max });
    }
    const timedOut = () => {
      const waitedMs = performance.now() - began;
      this.meter.timeoutsTotal++;
      this.meter.waits.record(waitedMs);
      this.observe({ type: 'db.acquire_timeout', pool: name, waitedMs });
      const cause = this.#connections.error;
      return errors.ACQUIRE_TIMEOUT({ pool: name, waitedMs, problem: cause?.message }, { cause });
    };
    const ms = Math.max(1, began + (acquireTimeoutMs ?? options.acquireTimeoutMs) - performance.now());
    const wait = { key, ms, timedOut, client, gone: () => errors.CLIENT_GONE() };
    const connection = this.#admission.wait(wait, leaseClass);
    this.#connections.grow();
    return connection;
  }

  #free(connection: PooledConnection): void {
    if (connection.prepared.isFull) this.meter.replacedTotal++;
    if (this.isClosed || !connection.isFresh) connection.close();
    if (connection.release()) this.#admission.offer(connection);
  }

  #sweep(): void {
    const now = performance.now();
    this.meter.sample();
    endUnanswered(this, this.#connections, this.#leases, now);
    // Work that waits for something else than its connection never learns that it has ended, so it would count as its holder for good.
    for (const lease of this.#leases) if (lease.connection.state === 'gone') this.release(lease);
    this.#admission.sweep(
      now,
      checkLeases(this, this.#leases, now, () => this.#admission.becameLong()),
    );
    this.pipelines.sweep(now);
    closeSpare(this.#admission.idle, this.#connections.size, this.options, now);
    this.#connections.grow();
  }
}
