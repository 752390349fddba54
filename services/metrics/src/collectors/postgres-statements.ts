import { MAX_STATEMENT_LENGTH, redactStatement } from '@tidemark/contracts';
import type { Pool } from '@tidemark/db';
import { identifier } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { MetricsEvent } from '../events.ts';
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';

export interface StatementStats {
  /** pg_stat_statements.queryid as text, because it is a 64-bit integer. */
  id: string;
  text: string;
  role: string;
  calls: number;
  totalMs: number;
  meanMs: number;
  maxMs: number;
  rows: number;
  /** Share of the execution time of all statements in this database, 0..1. */
  share: number;
  /** Share of the blocks found in shared buffers, 0..1; null when the statement read none. */
  bufferHits: number | null;
}
export interface Statements {
  statements: StatementStats[];
  /** Time of the last pg_stat_statements_reset, ms since 1970. */
  since: number | null;
}

/** Reading the view takes a lock that every statement needs briefly when it ends. */
const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 5_000;
/** Each of the three orders keeps so many, so that the API can sort them without another query. */
export const MAX_STATEMENTS = 50;

const INSTALLED = `
select n.nspname as schema, coalesce((
    select json_agg(r.rolname order by r.rolname) from pg_roles r where r.rolname in ('anon', 'authenticated')
      and has_schema_privilege(r.oid, n.oid, 'usage') and has_table_privilege(r.oid, v.oid, 'select')), '[]') as readers
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
join pg_class v on v.relnamespace = n.oid and v.relname = 'pg_stat_statements'
where e.extname = 'pg_stat_statements'`;

const ranked = (schema: string) => `
with figures as (
  select queryid::text as id, userid, left(query, ${MAX_STATEMENT_LENGTH}) as text, calls::float8 as calls,
    total_exec_time as total_ms, mean_exec_time as mean_ms, max_exec_time as max_ms, rows::float8 as rows,
    shared_blks_hit::float8 as hit, shared_blks_read::float8 as read,
    row_number() over (order by total_exec_time desc) as by_total,
    row_number() over (order by calls desc) as by_calls,
    row_number() over (order by mean_exec_time desc) as by_mean,
    sum(total_exec_time) over () as all_ms
  from ${schema}.pg_stat_statements
  where dbid = (select oid from pg_database where datname = current_database()) and queryid is not null
)
select id, pg_get_userbyid(userid) as role, text, calls, rows,
  total_ms as "totalMs", mean_ms as "meanMs", max_ms as "maxMs",
  case when all_ms > 0 then total_ms / all_ms else 0 end as share, hit / nullif(hit + read, 0) as "bufferHits",
  (select extract(epoch from stats_reset) * 1000 from ${schema}.pg_stat_statements_info)::float8 as since
from figures where by_total <= $1::int or by_calls <= $1::int or by_mean <= $1::int
order by total_ms desc`;

export function statements(
  postgres: PostgresConnection,
  observe: (event: MetricsEvent) => void,
): CollectorDefinition<Statements> {
  let reported = '';
  const options = { holder: { route: 'collector postgres statements' }, timeoutMs: TIMEOUT_MS };
  return {
    name: 'postgres statements',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const pool = postgres.admin();
      const { schema, readers } = await findExtension(pool, options);
      const exposed = readers.length === 0 ? '' : `${schema} ${readers}`;
      if (exposed !== reported && exposed !== '') observe({ type: 'metrics.statements_exposed', schema, readers });
      reported = exposed;
      const rows = await pool
        .query<StatementStats & Pick<Statements, 'since'>>(ranked(identifier(schema)), [MAX_STATEMENTS], options)
        .catch((cause: Error) => {
          throw errors.STATEMENTS_UNAVAILABLE({ reason: cause.message }, { cause });
        });
      return {
        since: rows[0]?.since ?? null,
        statements: rows.map(({ since: _reset, ...row }) => ({ ...row, text: redactStatement(row.text) })),
      };
    },
  };
}

type Options = Parameters<Pool['query']>[2];

/** The service never creates the extension: the owner of the database decides about that. */
async function findExtension(pool: Pool, options: Options): Promise<{ schema: string; readers: string[] }> {
  const [row] = await pool.query<{ schema: string; readers: string[] }>(INSTALLED, [], options);
  if (row === undefined)
    throw errors.STATEMENTS_UNAVAILABLE({ reason: 'the extension is not installed in this database' });
  return row;
}
