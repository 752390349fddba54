/**
 * Runs planned writes. One path for writes of tables, functions and transactions:
 *
 *   parse → plan ─┬─ grouped      an insert that may be committed together with others (group-commit/)
 *                 ├─ plain        one round trip: BEGIN, the statement, COMMIT
 *                 └─ transaction  what is checked before COMMIT, has preconditions or several statements, or an
 *                                 Idempotency-Key, whose kept reply is sent in place of a second write
 *
 * Each drops the cached answers that it made stale, and returns a reply with the position of its COMMIT.
 */
import type { Tidemark } from '@tidemark/contracts';
import {
  type Database,
  type Identity,
  PostgresError,
  type SessionReset,
  type Statement,
  type Transaction,
} from '@tidemark/db';
import type { WriteRow } from '@tidemark/plan';
import type { Metrics } from '@tidemark/service';
import type { Cache } from '../cache/cache.ts';
import { LOCKED, type LockedRow } from '../cache/own-writes.ts';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import type { PlannedWrite, WrittenRelations } from '../plan/planned-write.ts';
import type { StoredReply } from '../reply/stored-reply.ts';
import type { Asked } from '../request/asked.ts';
import { announceTrace } from './announce-trace.ts';
import { InsertGroups } from './group-commit/insert-groups.ts';
import { InsertPlans } from './group-commit/insert-plans.ts';
import { claimKey, type IdempotentRequest, keepReply } from './idempotency/idempotency.ts';
import { type IdempotencySweeper, startIdempotencySweeper } from './idempotency/sweeper.ts';

export interface WriteOptions extends Asked {
  identity: Identity;
  rollback: boolean;
  resetAfter: SessionReset;
  idempotent: IdempotentRequest | undefined;
}

export interface Written {
  reply: StoredReply;
  tidemark: Tidemark;
}

export interface WriterDependencies {
  readonly config: Config;
  readonly db: Database;
  readonly cache: Cache | undefined;
  readonly metrics: Metrics;
  readonly onSweepFailed: (error: Error) => void;
}

export class Writer {
  readonly plans = new InsertPlans();
  readonly groups: InsertGroups;
  readonly #db: Database;
  readonly #cache: Cache | undefined;
  readonly #sweeper: IdempotencySweeper;
  readonly #keyLimits: { ttlSeconds: number; maxBytes: number };

  constructor({ config, db, cache, metrics, onSweepFailed }: WriterDependencies) {
    this.#db = db;
    this.#cache = cache;
    const limits = {
      rows: config.INSERT_GROUP_ROWS,
      bytes: config.INSERT_GROUP_BYTES,
      waiting: config.INSERT_GROUPS_WAITING,
      waitingBytes: config.INSERT_GROUPS_WAITING_BYTES,
      identityPercent: config.INSERT_GROUPS_IDENTITY_PERCENT,
    };
    this.groups = new InsertGroups(db, metrics, limits, (table, tidemark) => this.#drop([table], tidemark));
    this.#keyLimits = { ttlSeconds: config.IDEMPOTENCY_TTL_S, maxBytes: config.IDEMPOTENCY_ANSWER_BYTES };
    this.#sweeper = startIdempotencySweeper({
      db,
      metrics,
      limits: {
        keys: config.IDEMPOTENCY_KEYS_MAX,
        bytes: config.IDEMPOTENCY_BYTES_MAX,
        identityPercent: config.IDEMPOTENCY_IDENTITY_PERCENT,
      },
      onError: onSweepFailed,
    });
  }

  prepare(): Promise<void> {
    return this.groups.prepare();
  }

  stop(): void {
    this.#sweeper.stop();
  }

  write(write: PlannedWrite, options: WriteOptions): Promise<Written> {
    if (options.idempotent === undefined && !write.mustCheck) return this.#plain(write, options);
    return this.transaction(options, write.writes, (tx) => runPlanned(tx, write));
  }

  async #plain(write: PlannedWrite, { announce, idempotent: _none, ...options }: WriteOptions): Promise<Written> {
    const statements: Statement[] = [write.statement()];
    if (announce !== undefined) statements.unshift(announceTrace(announce));
    const seesLocks = this.#cache !== undefined && write.writes === 'locked';
    const { results, tidemark } = await this.#db.write({
      ...options,
      statements: seesLocks ? [...statements, LOCKED] : statements,
    });
    const row = results[statements.length - 1]?.[0] as WriteRow;
    const locked = results[statements.length]?.[0] as LockedRow | undefined;
    this.#drop(locked?.oids ?? write.writes, tidemark);
    return { reply: write.reply(row), tidemark };
  }

  async transaction(
    { announce, idempotent, ...options }: WriteOptions & { isolation?: 'repeatable read' },
    writes: WrittenRelations,
    work: (tx: Transaction) => Promise<StoredReply>,
  ): Promise<Written> {
    let written = writes;
    const write = async (tx: Transaction) => {
      const reply = await work(tx);
      if (writes === 'locked' && this.#cache) written = ((await tx.query<LockedRow>(LOCKED.text))[0] as LockedRow).oids;
      return reply;
    };
    try {
      const { value, tidemark } = await this.#db.transaction(async (tx) => {
        if (announce !== undefined) {
          const { text, params } = announceTrace(announce);
          await tx.query(text, params);
        }
        return idempotent === undefined ? write(tx) : this.#once(tx, idempotent, options.identity, write);
      }, options);
      this.#drop(written, tidemark);
      return { reply: value, tidemark };
    } catch (error) {
      // The snapshot may be older than the lock on the key: a reply kept meanwhile then shows as a conflict.
      const raced = idempotent !== undefined && error instanceof PostgresError && error.code === '40001';
      throw raced ? errors.IDEMPOTENCY_BUSY({ key: idempotent.key }, { cause: error }) : error;
    }
  }

  #drop(written: WrittenRelations, tidemark: Tidemark): void {
    if (written !== 'locked') this.#cache?.wrote(written, tidemark);
  }

  async #once(
    tx: Transaction,
    request: IdempotentRequest,
    identity: Identity,
    write: (tx: Transaction) => Promise<StoredReply>,
  ): Promise<StoredReply> {
    const { budget } = this.#sweeper;
    const kept = await claimKey(tx, request, identity);
    if (kept !== undefined) return kept;
    budget.admit(request.identity);
    const reply = await write(tx);
    await keepReply(tx, request, identity, reply, { ...this.#keyLimits, budget });
    return reply;
  }
}

export async function runPlanned(tx: Transaction, write: PlannedWrite): Promise<StoredReply> {
  const { text, params } = write.statement();
  const [row] = await tx.query<WriteRow>(text, params);
  write.check(row as WriteRow);
  return write.reply(row as WriteRow);
}
