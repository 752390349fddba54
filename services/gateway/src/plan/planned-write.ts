import type { Statement } from '@tidemark/db';
import type { WriteRow } from '@tidemark/plan';
import type { StoredReply } from '../reply/stored-reply.ts';

export interface PlannedWrite {
  /** True where `check` may fail, so that it must run before COMMIT. */
  readonly mustCheck: boolean;
  /** The oids of the relations that it writes; `locked` where only Postgres knows, from its locks. */
  readonly writes: WrittenRelations;
  statement(): Statement;
  check(row: WriteRow): void;
  reply(row: WriteRow): StoredReply;
}

export type WrittenRelations = readonly number[] | 'locked';
