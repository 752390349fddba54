import type { Pool } from '@tidemark/db';
import { identifier } from '@tidemark/db';
import { errors } from '../../errors.ts';
import type { MetricsEvent } from '../../events.ts';
import type { CollectorDefinition } from '../collector.ts';
import { majorVersion, type PostgresConnection } from '../postgres-connection.ts';
import { createDeltaReader, entryKey, type Reading, type ServerReading } from './deltas.ts';
import { createStatementTexts, type StatementText } from './texts.ts';
import { createStatementWindow, MAX_WINDOW_S, type WindowEntry } from './window.ts';

export interface StatementStats {
  /** pg_stat_statements.queryid as text, because it is a 64-bit integer. */
  id: string;
  /** The first relation that the text names. */
  relation: string | null;
  text: string;
  role: string;
  toplevel: boolean;
  /** The servers that ran it in the window: `primary`, `replica1`, … */
  servers: string[];
  /** A service ran it for itself: settings, leases, statistics. */
  own: boolean;
  /** Joins it with the statements that our services ran. */
  shape: string;
  calls: number;
  totalMs: number;
  meanMs: number;
  /** The longest execution since the statistics were reset; Postgres does not tell it for a window. */
  maxMs: number;
  rows: number;
  /** Share of the execution time of all statements of the window, 0..1. */
  share: number;
  /** Share of the blocks found in shared buffers, 0..1; null when the statement read none. */
  bufferHits: number | null;
  tempBlocks: number;
  walBytes: number;
}

export interface Statements {
  /** The statements of the last `seconds`, which may be up to MAX_WINDOW_S. */
  within(seconds: number): { since: number | null; statements: StatementStats[] };
  /** Entries that Postgres dropped in the window's time for want of room (pg_stat_statements.max): counts may be missing. */
  evictedTotal: number;
  resetsTotal: number;
  /** Servers that could not be read, with the reason. */
  silent: { server: string; reason: string }[];
}

/** Reading the entries without texts takes 5 ms for 5,000. */
const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 5_000;
export const MAX_STATEMENTS = 200;
/** A replica that hangs must not make the whole run late. */
const ON_REPLICA = { acquireTimeoutMs: 500 };

const INSTALLED = `
select n.nspname as schema, session_user::text as login, coalesce((
    select json_agg(r.rolname order by r.rolname) from pg_roles r where r.rolname in ('anon', 'authenticated')
      and has_schema_privilege(r.oid, n.oid, 'usage') and has_table_privilege(r.oid, v.oid, 'select')), '[]') as readers,
  (select json_object_agg(oid, rolname) from pg_roles) as roles
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
join pg_class v on v.relnamespace = n.oid and v.relname = 'pg_stat_statements'
where e.extname = 'pg_stat_statements'`;

/** Before version 17 an entry does not say since when it counts. */
const entries = (schema: string, major: number) => `
select queryid::text, userid::int8::float8 as userid, dbid::int8::float8 as dbid, toplevel, calls::float8 as calls, total_exec_time as "totalMs",
  total_plan_time as "planMs", max_exec_time as "maxMs", rows::float8 as rows, shared_blks_hit::float8 as hit, shared_blks_read::float8 as read,
  (temp_blks_read + temp_blks_written)::float8 as "tempBlocks", wal_bytes::float8 as "walBytes",
  ${major >= 17 ? '(extract(epoch from stats_since) * 1000)::float8' : 'null::float8'} as since
from ${schema}.pg_stat_statements(false)
where dbid = (select oid from pg_database where datname = current_database()) and queryid is not null`;

const info = (schema: string) => `
select dealloc::float8 as evicted, (extract(epoch from stats_reset) * 1000)::float8 as "resetAt" from ${schema}.pg_stat_statements_info`;

type Options = NonNullable<Parameters<Pool['query']>[2]>;

export function statements(
  postgres: PostgresConnection,
  observe: (event: MetricsEvent) => void,
  replicas: readonly Pool[] = [],
): CollectorDefinition<Statements> {
  let reported = '';
  const deltas = createDeltaReader();
  const window = createStatementWindow();
  const texts = createStatementTexts();
  /** The newest reading of each entry, for what has no delta. */
  let known = new Map<string, Reading>();
  let evictedTotal = 0;
  let resetsTotal = 0;
  const defaults = { holder: { route: 'collector postgres statements' } };

  async function readServer(
    name: string,
    pool: Pool,
    schema: string,
    latest: Map<string, Reading>,
    limits: Options = {},
  ): Promise<void> {
    const options = { ...defaults, ...limits };
    const reading = await readEntries(pool, schema, options);
    const { deltas: changed, wasReset, evicted } = deltas.read(name, reading);
    for (const entry of reading.entries) {
      const key = entryKey(entry);
      latest.set(key, { ...entry, maxMs: Math.max(entry.maxMs, latest.get(key)?.maxMs ?? 0) });
    }
    evictedTotal += evicted;
    resetsTotal += Number(wasReset);
    window.add(name, changed, Date.now());
    const queryids = changed.map(({ key }) => latest.get(key)?.queryid as string);
    await texts.fetch(pool, schema, queryids, options);
  }

  return {
    name: 'postgres statements',
    intervalMs: INTERVAL_MS,
    rests: true,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const pool = postgres.admin();
      const { schema, readers, roles, login } = await findExtension(pool, defaults);
      const exposed = readers.length === 0 ? '' : `${schema} ${readers}`;
      if (exposed !== reported && exposed !== '') observe({ type: 'metrics.statements_exposed', schema, readers });
      reported = exposed;
      const latest = new Map<string, Reading>();
      await readServer('primary', pool, identifier(schema), latest).catch((cause: Error) => {
        throw errors.STATEMENTS_UNAVAILABLE({ reason: cause.message }, { cause });
      });
      const silent: Statements['silent'] = [];
      await Promise.all(
        replicas.map((replica, index) => {
          const server = `replica${index + 1}`;
          // A replica that is away has no part in the window; the others do.
          return readServer(server, replica, identifier(schema), latest, ON_REPLICA).catch((error: Error) => {
            silent.push({ server, reason: error.message });
          });
        }),
      );
      // An entry that Postgres has evicted keeps its place until its counts have left the window.
      const shown = window.sum(MAX_WINDOW_S, Date.now()).entries;
      known = new Map([...[...known].filter(([key]) => shown.has(key)), ...latest]);
      const statementOf = (entry: WindowEntry, all: number) =>
        describe(entry, { reading: known.get(entry.key), texts, roles, login, all });
      return {
        within(seconds) {
          const { entries, since } = window.sum(seconds, Date.now());
          const all = [...entries.values()].reduce((total, { counters }) => total + counters.totalMs, 0);
          return { since, statements: [...entries.values()].flatMap((entry) => statementOf(entry, all) ?? []) };
        },
        evictedTotal,
        resetsTotal,
        silent,
      };
    },
  };
}

async function readEntries(pool: Pool, schema: string, options: Options): Promise<ServerReading> {
  const major = await majorVersion(pool, options);
  const [about] = await pool.query<{ evicted: number; resetAt: number | null }>(info(schema), [], options);
  const rows = await pool.query<Reading>(entries(schema, major), [], options);
  return { entries: rows, evicted: about?.evicted ?? 0, resetAt: about?.resetAt ?? null };
}

interface Described {
  reading: Reading | undefined;
  texts: { get(queryid: string): StatementText | undefined };
  roles: Record<string, string>;
  login: string;
  all: number;
}

/** Returns undefined where the text has not been fetched yet, or Postgres has dropped it. */
function describe({ counters, servers }: WindowEntry, about: Described): StatementStats | undefined {
  const { reading } = about;
  const text = reading && about.texts.get(reading.queryid);
  if (reading === undefined || text === undefined) return undefined;
  const role = about.roles[reading.userid] ?? `oid ${reading.userid}`;
  const { calls, totalMs, rows, hit, read, tempBlocks, walBytes } = counters;
  return {
    id: reading.queryid,
    relation: text.relation,
    text: text.text,
    role,
    toplevel: reading.toplevel,
    servers: [...servers].sort(),
    own: isOwn(role, text.text, about.login),
    shape: text.shape,
    calls,
    totalMs,
    meanMs: totalMs / calls,
    maxMs: reading.maxMs,
    rows,
    share: about.all > 0 ? totalMs / about.all : 0,
    bufferHits: hit + read > 0 ? hit / (hit + read) : null,
    tempBlocks,
    walBytes,
  };
}

const SERVICE_LOGIN = /^tidemark(_|$)/;
/** Where all services share one login, theirs are those on statistics, sessions and the schema `tidemark`. */
const SERVICE_TEXT =
  /\bpg_(?:stat_|locks|replication_|current_wal|last_wal|is_in_recovery|class|namespace|roles|prepared_xacts)|\btidemark(?:_statistics)?"?\.|\bset_config\b|^(?:begin|commit|rollback|set|discard|deallocate|listen|show)\b/i;

/** A user's statement runs as an API role; what a service runs for itself runs as its login. */
function isOwn(role: string, text: string, login: string): boolean {
  return SERVICE_LOGIN.test(role) || (role === login && SERVICE_TEXT.test(text));
}

/** The service never creates the extension: the owner of the database decides about that. */
async function findExtension(pool: Pool, options: Options) {
  const [row] = await pool.query<{ schema: string; login: string; readers: string[]; roles: Record<string, string> }>(
    INSTALLED,
    [],
    options,
  );
  if (row === undefined)
    throw errors.STATEMENTS_UNAVAILABLE({ reason: 'the extension is not installed in this database' });
  return row;
}
