/** The event triggers announce changes of tables and policies in the WAL (infra/postgres/ddl.sql). */
import { type Pool, runScript } from '@tidemark/db';
import { infraScript } from '../infra.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

export async function installDdlTrigger(pool: Pool, url: string): Promise<string[]> {
  if (await hasDdlTrigger(pool)) return [];
  try {
    await runScript(url, await infraScript('ddl.sql'));
    return ['changes of tables, types and policies are announced by the event triggers tidemark_ddl and tidemark_drop'];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [
      'changes of tables, types and policies are noticed within a second; at once, where a superuser runs infra/postgres/ddl.sql',
    ];
  }
}

export async function removeDdlTrigger(pool: Pool): Promise<string[]> {
  if (!(await hasDdlTrigger(pool))) return [];
  try {
    await pool.transaction(async (tx) => {
      for (const statement of REMOVE) await tx.query(statement);
    });
    return ['the event triggers tidemark_ddl and tidemark_drop are gone'];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [`event triggers of a superuser's stay; who made them may run: ${REMOVE.join('; ')};`];
  }
}

const REMOVE = [
  'drop event trigger if exists tidemark_ddl',
  'drop event trigger if exists tidemark_drop',
  'drop schema if exists tidemark_ddl cascade',
];

async function hasDdlTrigger(pool: Pool): Promise<boolean> {
  return (await pool.query(`select from pg_event_trigger where evtname = 'tidemark_ddl'`)).length > 0;
}

const isRefused = (error: unknown): boolean => (error as { code?: string }).code === INSUFFICIENT_PRIVILEGE;
