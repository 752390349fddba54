/** Only a superuser can install this trigger (infra/postgres/ddl.sql). Without it, periodic checks find the changes. */
import type { Pool } from '@tidemark/db';

const NAME = 'tidemark_ddl';

export const NO_DDL_TRIGGER =
  'Changes of tables, types and policies are noticed within DEFINITIONS_CHECK_MS, not at their place in the WAL. To change that, run infra/postgres/ddl.sql as a superuser.';

export async function hasDdlTrigger(pool: Pool): Promise<boolean> {
  const [row] = await pool.query<{ there: boolean }>(
    `select exists (select from pg_event_trigger where evtname = $1 and evtenabled in ('O', 'A')) as there`,
    [NAME],
  );
  return row?.there === true;
}
