/** POST of a function with an Idempotency-Key: its answer is kept in the transaction of the call, as that of a write is. */

import type { Tidemark } from '@tidemark/contracts';
import type { Identity, Statement } from '@tidemark/db';
import type { Routine, WriteRow } from '@tidemark/plan';
import { contentRange, type Preferences, type RowsMedia, rangeStatus } from '@tidemark/query';
import { LOCKED, type LockedRow } from '../../cache/own-writes.ts';
import { postgrest } from '../../errors.ts';
import type { Asked } from '../../http/tracing/request-trace.ts';
import { isObject } from '../../reply/answer.ts';
import { answerOf, type StoredReply } from '../../reply/stored-reply.ts';
import type { Writer } from '../writer.ts';
import { idempotentRequest } from './idempotency.ts';

export interface IdempotentCall {
  key: string;
  schema: string;
  routine: Routine;
  statement: Statement;
  identity: Identity;
  asked: Asked;
  /** Of the answer. */
  media: RowsMedia;
  offset: number;
  /** Those that took effect. */
  preferences: Preferences;
  /** Query string, body and headers: what the effect and the answer depend on, beside the function and the caller. */
  content: readonly (string | undefined)[];
  /** Is told, before COMMIT, which tables the call has written. */
  seesLocks?: (row: LockedRow) => void;
}

export function callIdempotently(
  writer: Writer,
  call: IdempotentCall,
): Promise<{ answered: StoredReply; tidemark: Tidemark }> {
  const { key, schema, routine, statement, identity, asked, preferences, content } = call;
  return writer.transaction({
    ...asked,
    ...{ identity, rollback: preferences.tx === 'rollback' },
    idempotent: idempotentRequest(key, identity, `POST /rest/v1/rpc/${schema}.${routine.name}`, content),
    async work(tx) {
      const [row] = await tx.query<WriteRow>(statement.text, statement.params);
      const answered = answerOfCall(call, row as WriteRow);
      if (call.seesLocks) call.seesLocks((await tx.query<LockedRow>(LOCKED.text))[0] as LockedRow);
      return answered;
    },
  });
}

function answerOfCall({ routine, media, offset, preferences }: IdempotentCall, row: WriteRow): StoredReply {
  const rows = Number(row.rows);
  const total = row.total === null ? null : Number(row.total);
  if (isObject(media) && routine.returnsSet && rows !== 1) throw postgrest.PGRST116({ rows });
  const headers: Record<string, string> = routine.returnsSet
    ? { 'content-range': contentRange(offset, rows, total) }
    : {};
  const status = routine.returnsSet ? rangeStatus(rows, total) : 200;
  return answerOf({
    status: routine.returnsVoid ? 204 : status,
    ...{ media, headers, preferences, settings: row, body: routine.returnsVoid ? null : row.body },
  });
}
