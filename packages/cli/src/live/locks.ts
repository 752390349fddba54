/** Changes a table that an application uses. A statement that waits for a lock makes all later statements wait behind it. */
import type { Pool } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { Relation } from './relations.ts';
import type { Db } from './statements.ts';

/** Statements of the application wait behind ours for so long at most. */
const LOCK_MS = 1_000;
const ATTEMPTS = 3;
/** Waiting statements run meanwhile. */
const PAUSE_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

export async function withinLockTimeout(
  pool: Pool,
  relations: readonly Relation[],
  work: (tx: Db) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await pool.transaction(async (tx) => {
        await tx.query(`select set_config('lock_timeout', $1, true)`, [`${LOCK_MS}ms`]);
        await work(tx);
      });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      if (attempt === ATTEMPTS) {
        const holders = await holdersOf(pool, relations);
        throw errors.LOCKED({ seconds: LOCK_MS / 1_000, holders }, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

const HOLDERS = `
select string_agg(format('pid %s (%s, %s) since %s', a.pid, a.usename, a.state, to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS')), '; ')
    as holders
from pg_stat_activity a
where a.pid in (select l.pid from pg_locks l where l.granted and l.relation = any ($1::oid[])
    and l.database = (select oid from pg_database where datname = current_database()))
  and a.pid <> pg_backend_pid()`;

async function holdersOf(pool: Pool, relations: readonly Relation[]): Promise<string> {
  const oids = `{${relations.map(({ oid }) => oid).join(',')}}`;
  const [row] = await pool.query<{ holders: string | null }>(HOLDERS, [oids]);
  return row?.holders ?? 'they have ended meanwhile';
}
