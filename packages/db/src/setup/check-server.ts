import { Probe } from '../connection/probe.ts';
import { parseConnectionUrl } from '../connection/url.ts';
import { errors } from '../errors.ts';
import { DEFAULTS } from '../pool/options.ts';
import { encodeStatement } from '../sql/param.ts';

const TIMEOUT_MS = 5_000;
const MIN_VERSION = 140_000;
/** PgBouncer refuses start-up settings that it does not know with it. */
const PROTOCOL_VIOLATION = '08P01';
/** Watchers, the relay's replication connection and a psql for the operator. */
const BESIDES_POOLS = 5;

export interface CheckOptions {
  /** Connections that the pools of all instances may open on this server. Default: one instance with the default pools. */
  connections?: number;
  /** False for a replica, which needs neither logical decoding nor REPLICATION. Default true. */
  primary?: boolean;
  /** False for a role that only migrates, which needs no REPLICATION. Default true. */
  replicates?: boolean;
}

export interface ServerReport {
  version: string;
  user: string;
  database: string;
  maxConnections: number;
}

const FACTS = encodeStatement({
  text: `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
                current_setting('wal_level') as wal_level, pg_is_in_recovery() as standby,
                session_user::text as "user", current_database()::text as database,
                current_setting('max_connections')::int as most,
                current_setting('superuser_reserved_connections')::int as reserved,
                exists (select from pg_roles r where r.rolname = session_user and (r.rolsuper or r.rolreplication))
                  or exists (select from pg_roles r
                    where r.rolname = 'rds_replication' and pg_has_role(session_user, r.oid, 'member')) as replicates`,
});

/** Throws the first unmet requirement, with the value and the remedy. Changes nothing. */
export async function checkServer(url: string, options: CheckOptions = {}): Promise<ServerReport> {
  const target = parseConnectionUrl(url);
  const probe = new Probe('check', target, { application_name: 'tidemark/check' });
  const server = target.label;
  try {
    const facts = (
      await probe.ask([FACTS], TIMEOUT_MS).catch((cause: Error) => {
        const refused = (cause as { code?: string }).code === PROTOCOL_VIOLATION;
        throw (refused ? errors.POOLER : errors.CONNECT_FAILED)({ server, reason: cause.message }, { cause });
      })
    )[0]!;
    if (probe.isBehindPooler) {
      throw errors.POOLER({ server, reason: 'the process id that it announces is not that of the session' });
    }
    const { version, user } = facts;
    if (facts.number < MIN_VERSION) throw errors.SERVER_TOO_OLD({ server, version });
    if (options.primary !== false) {
      if (facts.standby) throw errors.IS_STANDBY({ server });
      if (facts.wal_level !== 'logical') throw errors.WAL_LEVEL({ server, value: facts.wal_level });
      if (options.replicates !== false && !facts.replicates) throw errors.NO_REPLICATION({ server, user });
    }
    const needed = (options.connections ?? poolConnections()) + BESIDES_POOLS;
    const available = facts.most - facts.reserved;
    if (available < needed) throw errors.TOO_FEW_CONNECTIONS({ server, available, needed });
    return { version, user, database: facts.database, maxConnections: facts.most };
  } finally {
    probe.close();
  }
}

export function poolConnections(): number {
  return DEFAULTS.write.max + DEFAULTS.analytics.max + DEFAULTS.admin.max;
}
