/** What the routes that write share: groups of inserts, Idempotency-Keys, and transactions that are answered before COMMIT. */
import type { Tidemark } from '@tidemark/contracts';
import { type Identity, PostgresError, type Transaction, type TransactionOptions } from '@tidemark/db';
import type { BaseApp, Metrics } from '@tidemark/service';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import type { Asked } from '../http/tracing/request-trace.ts';
import type { StoredReply } from '../reply/stored-reply.ts';
import { executeTransaction } from './execute-write.ts';
import { InsertGroups } from './group-commit/insert-groups.ts';
import { InsertPlans } from './group-commit/insert-plans.ts';
import { claimKey, type IdempotentRequest, keepAnswer } from './idempotency/idempotency.ts';
import { startIdempotencySweeper } from './idempotency/sweeper.ts';

export interface TransactionalWrite extends Asked {
  identity: Identity;
  rollback: boolean;
  isolation?: TransactionOptions['isolation'];
  idempotent?: IdempotentRequest | undefined;
  /** Writes and makes the answer; what it throws rolls back. */
  work(tx: Transaction): Promise<StoredReply>;
}

export interface Writer {
  readonly plans: InsertPlans;
  readonly groups: InsertGroups;
  /** One transaction, the kept answer instead of `work` for a repeated Idempotency-Key. */
  transaction(write: TransactionalWrite): Promise<{ answered: StoredReply; tidemark: Tidemark }>;
}

export function openWriter(app: BaseApp, context: RouteContext & { metrics: Metrics }): Writer {
  const { config, db, metrics } = context;
  const groups = new InsertGroups(db, metrics, {
    rows: config.INSERT_GROUP_ROWS,
    bytes: config.INSERT_GROUP_BYTES,
    waiting: config.INSERT_GROUPS_WAITING,
    waitingBytes: config.INSERT_GROUPS_WAITING_BYTES,
    identityPercent: config.INSERT_GROUPS_IDENTITY_PERCENT,
  });
  const sweeper = startIdempotencySweeper({
    db,
    metrics,
    limits: {
      keys: config.IDEMPOTENCY_KEYS_MAX,
      bytes: config.IDEMPOTENCY_BYTES_MAX,
      identityPercent: config.IDEMPOTENCY_IDENTITY_PERCENT,
    },
    onError: (error) =>
      app.log.warn({ err: error }, 'expired Idempotency-Keys could not be removed; the next round tries again'),
  });
  app.addHook('onReady', () => groups.prepare());
  app.addHook('onClose', async () => sweeper.stop());
  const limits = { ttlSeconds: config.IDEMPOTENCY_TTL_S, maxBytes: config.IDEMPOTENCY_ANSWER_BYTES };

  return {
    plans: new InsertPlans(),
    groups,
    async transaction({ isolation, idempotent, work, ...asked }) {
      const { identity } = asked;
      const once = async (tx: Transaction) => {
        if (idempotent === undefined) return work(tx);
        const kept = await claimKey(tx, idempotent, identity);
        if (kept !== undefined) return kept;
        sweeper.room.admit(idempotent.identity);
        const answered = await work(tx);
        await keepAnswer(tx, idempotent, identity, answered, limits, sweeper.room);
        return answered;
      };
      const options = { ...asked, ...(isolation === undefined ? {} : { isolation }) };
      try {
        const { value, tidemark } = await executeTransaction(db, options, once);
        return { answered: value, tidemark };
      } catch (error) {
        // On a snapshot that is older than the lock, an answer kept meanwhile shows as a conflict.
        const raced = idempotent !== undefined && error instanceof PostgresError && error.code === '40001';
        throw raced ? errors.IDEMPOTENCY_BUSY({ key: idempotent.key }, { cause: error }) : error;
      }
    },
  };
}
