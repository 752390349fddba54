/**
 * The event trigger that announces changed definitions at their place in the WAL (infra/postgres/ddl.sql). Only a superuser can
 * install it; without it, what no relation message tells is found by the next look.
 */
import type { Pool } from '@tidemark/db';

/** Its name in infra/postgres/ddl.sql. */
const NAME = 'tidemark_ddl';

export const NO_DDL_TRIGGER =
  'Changes of tables, types and policies are noticed within DEFINITIONS_CHECK_MS, not at their place in the WAL: for that, a superuser runs infra/postgres/ddl.sql.';

export async function hasDdlTrigger(pool: Pool): Promise<boolean> {
  const [row] = await pool.query<{ there: boolean }>(
    `select exists (select from pg_event_trigger where evtname = $1 and evtenabled in ('O', 'A')) as there`,
    [NAME],
  );
  return row?.there === true;
}
