import type { Pool } from '@tidemark/db';
import type { CollectorDefinition } from './collector.ts';
import { LOCKED_RELATIONS } from './locked-relations.ts';
import { majorVersion, type PostgresConnection } from './postgres-connection.ts';
import { missingFigures, selectFigures, type VersionFigure } from './version-figures.ts';

export const INDEX_FIGURES = [
  { name: 'scans', column: 'idx_scan', kind: 'count' },
  { name: 'lastScanAt', column: 'last_idx_scan', kind: 'time', since: 16 },
  { name: 'entriesRead', column: 'idx_tup_read', kind: 'count' },
  { name: 'rowsFetched', column: 'idx_tup_fetch', kind: 'count' },
] as const satisfies readonly VersionFigure[];

type FigureName = (typeof INDEX_FIGURES)[number]['name'];

export type IndexStats = { [K in FigureName]?: number | null } & {
  schema: string;
  table: string;
  index: string;
  method: string;
  /** CREATE INDEX …; null where a lock prevents reading it. */
  definition: string | null;
  unique: boolean;
  primary: boolean;
  /** It enforces a constraint, or identifies rows for logical replication: it must stay, however rarely it is scanned. */
  required: boolean;
  /** False: CREATE INDEX CONCURRENTLY has failed or runs. Postgres maintains such an index and never reads it. */
  valid: boolean;
  /** Null where a lock prevents the measurement. */
  bytes: number | null;
  why: string | null;
};

export interface Indexes {
  indexes: IndexStats[];
  /** ms since 1970: scans are counted since then; null: since the database was made. */
  since: number | null;
  missing: Record<string, string>;
}

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;
export const MAX_INDEXES = 1_000;

const sql = (major: number) => `
with ${LOCKED_RELATIONS},
largest as materialized (
  select c.oid, c.relname, c.relam, n.nspname, x.indrelid, x.indisunique, x.indisprimary, x.indisvalid, x.indisreplident
  from pg_index x join pg_class c on c.oid = x.indexrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'i' and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  order by c.relpages desc, c.oid limit ${MAX_INDEXES}
),
-- pg_get_indexdef opens the table, too, where the index has an expression or a predicate.
defined as materialized (
  select oid from largest where not array[oid, indrelid] && (select oids from locked)
),
sized as materialized (
  select oid, pg_relation_size(oid)::float8 as bytes from largest where oid <> all ((select oids from locked)::oid[])
)
select i.nspname as schema, t.relname as "table", i.relname as index, m.amname as method, pg_get_indexdef(d.oid) as definition,
  i.indisunique as "unique", i.indisprimary as "primary", i.indisvalid as valid,
  i.indisprimary or i.indisreplident or exists (select from pg_constraint k where k.conindid = i.oid) as required,
  z.bytes, ${selectFigures(INDEX_FIGURES, 's', major)},
  (select (extract(epoch from stats_reset) * 1000)::float8 from pg_stat_database where datname = current_database()) as since
from largest i join pg_class t on t.oid = i.indrelid join pg_am m on m.oid = i.relam
  left join sized z on z.oid = i.oid left join defined d on d.oid = i.oid left join pg_stat_all_indexes s on s.indexrelid = i.oid
order by z.bytes desc nulls first, 1, 3`;

const LOCKED =
  'a session holds or waits for an ACCESS EXCLUSIVE lock on the index or its table, for which Postgres would wait';

export async function readIndexes(pool: Pool, options: Parameters<Pool['query']>[2]): Promise<Indexes> {
  const major = await majorVersion(pool, options);
  const rows = await pool.query<IndexStats & Pick<Indexes, 'since'>>(sql(major), [], options);
  return {
    indexes: rows.map(({ since: _since, ...row }) => ({
      ...row,
      why: row.bytes === null || row.definition === null ? LOCKED : null,
    })),
    since: rows[0]?.since ?? null,
    missing: missingFigures(INDEX_FIGURES, major),
  };
}

export function indexes(postgres: PostgresConnection): CollectorDefinition<Indexes> {
  const options = { holder: { route: 'collector postgres indexes' }, timeoutMs: TIMEOUT_MS };
  return {
    name: 'postgres indexes',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    collect: async () => readIndexes(postgres.admin(), options),
  };
}
