/** Checks of the servers that a database has connected to, before its pools open. */
import { TidemarkError } from '@tidemark/contracts';
import { PostgresError } from '../connection/postgres-error.ts';
import { Probe } from '../connection/probe.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import { errors } from '../errors.ts';
import type { DbEvent } from '../events.ts';
import { encodeStatement } from '../sql/param.ts';
import { checkRoom } from './connection-budget.ts';
import { checkSchemaDrift } from './schema-dump.ts';

const NONE = 'tidemark_none';
const OPEN_TIMEOUT_MS = 5_000;

/** Returns the error of a primary that the watcher cannot use, with what to do. */
export function unreachable(server: string, cause: Error): Error {
  // PgBouncer refuses start-up settings that it does not know.
  if (cause instanceof PostgresError && cause.code === '08P01') {
    return errors.POOLER({ server: server, reason: cause.message }, { cause });
  }
  if (cause instanceof PostgresError && cause.code === '42501') {
    return errors.LOGIN_RIGHTS({ server: server, reason: cause.message }, { cause });
  }
  if (cause instanceof TidemarkError && !(cause instanceof PostgresError)) return cause;
  return errors.CONNECT_FAILED({ server: server, reason: cause.message }, { cause });
}

// Postgres 16 separates membership from the right to SET ROLE.
const MAY_REST = encodeStatement({
  text: `select session_user as "user", to_regclass('tidemark.epochs') is not null as migrated,
                coalesce((select pg_has_role(session_user, oid,
                  case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
                from pg_roles where rolname = '${NONE}'), false) as rests`,
});

export async function checkSchema(target: ConnectionTarget, settings: Settings, observe: Observe): Promise<void> {
  await withProbe(target, settings, async (probe) => {
    const [row] = await probe.ask([MAY_REST], OPEN_TIMEOUT_MS);
    if (probe.isBehindPooler) {
      throw errors.POOLER({ server: target.label, reason: 'it gives sessions to several clients' });
    }
    if (!row!.migrated) throw errors.NOT_MIGRATED({ server: target.label });
    if (!row!.rests) throw errors.ROLE_MISSING({ role: NONE, user: row!.user });
    await checkRoom(target.label, probe, observe);
    await checkSchemaDrift(target.label, probe, observe);
  }).catch((cause: Error) => {
    if (cause instanceof TidemarkError && !(cause instanceof PostgresError)) throw cause;
    throw errors.CONNECT_FAILED({ server: target.label, reason: cause.message }, { cause });
  });
}

/** Reports a replica that has too few connections for the pools. */
export const checkReplica = (target: ConnectionTarget, settings: Settings, observe: Observe): Promise<void> =>
  withProbe(target, settings, (probe) => checkRoom(target.label, probe, observe));

type Settings = Readonly<Record<string, string>>;
type Observe = (event: DbEvent) => void;

async function withProbe<T>(
  target: ConnectionTarget,
  settings: Settings,
  ask: (probe: Probe) => Promise<T>,
): Promise<T> {
  const probe = new Probe('open', target, settings);
  try {
    return await ask(probe);
  } finally {
    probe.close();
  }
}
