/**
 * Each row of a POST has a savepoint of its own. The reply is 207 with
 * `[{"index":0,"status":201,"row":{…}},{"index":1,"status":409,"error":{…problem…}}]`.
 */
import { sliceArray, toProblem } from '@tidemark/contracts';
import { errors as dbErrors, type Transaction } from '@tidemark/db';
import type { Payload, WriteRow } from '@tidemark/plan';
import { errors, postgrest } from '../errors.ts';
import type { TableWrite } from '../plan/table-write.ts';
import { isRetyped, translatePostgresError } from '../reply/postgres-errors.ts';
import type { StoredReply } from '../reply/stored-reply.ts';
import { isRowError } from './row-error.ts';

const SAVEPOINT = 'savepoint tidemark_row';
const RELEASE = 'release savepoint tidemark_row';
const ROLLBACK = 'rollback to savepoint tidemark_row';

export function checkPerRow({ plan, payload }: TableWrite, maximum: number): void {
  const { method } = plan.head;
  if (method !== 'POST') throw errors.PER_ROW_USE({ reason: `the method is ${method}` });
  if (plan.media.kind !== 'json') throw errors.PER_ROW_USE({ reason: `the media type is ${plan.media.kind}` });
  const rows = payload?.count ?? 0;
  if (rows > maximum) throw errors.PER_ROW_LIMIT({ rows, maximum });
}

/**
 * An error that is not a row's own (a lost connection, a time limit, a changed schema) ends the whole request, and
 * nothing is written.
 */
export async function writePerRow(
  tx: Transaction,
  write: TableWrite,
  authenticated: boolean,
  maxBytes: number,
  isOfFormerSchema: (error: unknown) => Promise<boolean>,
): Promise<StoredReply> {
  const payload = write.payload as Payload;
  const { options, head } = write.plan;
  const results: string[] = [];
  let affected = 0;
  let bytes = 0;
  let last: WriteRow | undefined;
  let isCurrent = false;
  for (const text of sliceArray(payload.rows)) {
    const { text: sql, params } = write.statement({ ...payload, rows: `[${text}]`, count: 1, single: true });
    const index = results.length;
    const [, outcome] = await Promise.allSettled([tx.query(SAVEPOINT), tx.query<WriteRow>(sql, params)]);
    if (outcome.status === 'fulfilled') {
      last = outcome.value[0] as WriteRow;
      affected += Number(last.rows);
      const { status, body } = write.reply({ ...last, headers: null, status: null });
      const row = options.return === 'representation' ? `,"row":${sliceArray(body)[0] ?? 'null'}` : '';
      results.push(`{"index":${index},"status":${status}${row}}`);
    } else {
      const error: unknown = outcome.reason;
      if (!isRowError(error) || isRetyped(error)) throw error;
      // Asked once, since a look at the schema may take a tenth of a second.
      if (!isCurrent && (await isOfFormerSchema(error))) throw error;
      isCurrent = true;
      await tx.query(ROLLBACK);
      const translated = translatePostgresError(error as Error, authenticated);
      if (translated === undefined) throw error;
      const problem = JSON.stringify(toProblem(translated));
      results.push(`{"index":${index},"status":${translated.status},"error":${problem}}`);
    }
    bytes += results[index]?.length ?? 0;
    if (bytes > maxBytes) throw dbErrors.ANSWER_BYTES({ bytes, maximum: maxBytes });
    await tx.query(RELEASE);
  }
  const { handling, maxAffected } = head.preferences;
  if (handling === 'strict' && maxAffected !== null && affected > maxAffected) {
    throw postgrest.PGRST124({ affected, maximum: maxAffected });
  }
  const whole = { ...EMPTY, ...last, rows: String(affected) };
  return { ...write.reply(whole), status: 207, body: `[${results.join(',')}]` };
}

const EMPTY: WriteRow = { body: null, rows: '0', total: null, key: null, inserted: null, headers: null, status: null };
