/** A write of a table or a call of a function, planned: from here on both take the same path (writes/writer.ts). */
import type { Statement } from '@tidemark/db';
import type { WriteRow } from '@tidemark/plan';
import type { StoredReply } from '../reply/stored-reply.ts';

export interface PlannedWrite {
  /** True where `check` may fail, so that it must run before COMMIT. */
  readonly mustCheck: boolean;
  /** The oids of the relations that it writes; `locked` where only Postgres knows, from its locks. */
  readonly writes: WrittenRelations;
  /** Returns one row. */
  statement(): Statement;
  /** @throws PGRST116, PGRST124: the write must be rolled back */
  check(row: WriteRow): void;
  /** @throws PGRST111, PGRST112 */
  reply(row: WriteRow): StoredReply;
}

export type WrittenRelations = readonly number[] | 'locked';
