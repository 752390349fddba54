/** Sizes, rows, scans and vacuums of the largest tables. No size function runs where it would wait for a lock. */
import type { Pool } from '@tidemark/db';
import type { CollectorDefinition } from './collector.ts';
import { LOCKED_RELATIONS } from './locked-relations.ts';
import { majorVersion, type PostgresConnection } from './postgres-connection.ts';
import { type IoFigures, readIo } from './postgres-io.ts';
import { missingFigures, selectFigures, type VersionFigure } from './version-figures.ts';

export const TABLE_FIGURES = [
  { name: 'liveRows', column: 'n_live_tup', kind: 'count' },
  { name: 'deadRows', column: 'n_dead_tup', kind: 'count' },
  { name: 'inserts', column: 'n_tup_ins', kind: 'count' },
  { name: 'updates', column: 'n_tup_upd', kind: 'count' },
  { name: 'hotUpdates', column: 'n_tup_hot_upd', kind: 'count' },
  { name: 'newPageUpdates', column: 'n_tup_newpage_upd', kind: 'count', since: 16 },
  { name: 'deletes', column: 'n_tup_del', kind: 'count' },
  { name: 'sequentialScans', column: 'seq_scan', kind: 'count' },
  { name: 'sequentialRows', column: 'seq_tup_read', kind: 'count' },
  { name: 'lastSequentialScanAt', column: 'last_seq_scan', kind: 'time', since: 16 },
  { name: 'indexScans', column: 'idx_scan', kind: 'count' },
  { name: 'lastIndexScanAt', column: 'last_idx_scan', kind: 'time', since: 16 },
  { name: 'changesSinceAnalyze', column: 'n_mod_since_analyze', kind: 'count' },
  { name: 'insertsSinceVacuum', column: 'n_ins_since_vacuum', kind: 'count' },
  { name: 'lastVacuumAt', column: 'last_vacuum', kind: 'time' },
  { name: 'lastAutovacuumAt', column: 'last_autovacuum', kind: 'time' },
  { name: 'lastAnalyzeAt', column: 'last_analyze', kind: 'time' },
  { name: 'lastAutoanalyzeAt', column: 'last_autoanalyze', kind: 'time' },
  { name: 'vacuumMs', column: 'total_vacuum_time', kind: 'ms', since: 18 },
  { name: 'autovacuumMs', column: 'total_autovacuum_time', kind: 'ms', since: 18 },
  { name: 'analyzeMs', column: 'total_analyze_time', kind: 'ms', since: 18 },
  { name: 'autoanalyzeMs', column: 'total_autoanalyze_time', kind: 'ms', since: 18 },
] as const satisfies readonly VersionFigure[];

/** Figures of VACUUM while it runs, of pg_stat_progress_vacuum. */
export const VACUUM_FIGURES = [
  { name: 'pagesTotal', column: 'heap_blks_total', kind: 'count' },
  { name: 'pagesScanned', column: 'heap_blks_scanned', kind: 'count' },
  { name: 'pagesVacuumed', column: 'heap_blks_vacuumed', kind: 'count' },
  { name: 'indexesTotal', column: 'indexes_total', kind: 'count', since: 17 },
  { name: 'indexesProcessed', column: 'indexes_processed', kind: 'count', since: 17 },
  { name: 'delayMs', column: 'delay_time', kind: 'ms', since: 18 },
] as const satisfies readonly VersionFigure[];

type FigureName = (typeof TABLE_FIGURES)[number]['name'];

export type TableStats = { [K in FigureName]?: number | null } & {
  schema: string;
  table: string;
  kind: 'table' | 'partitioned' | 'materialized view';
  /** Postgres's estimate; null before the first VACUUM or ANALYZE. */
  rows: number | null;
  /** Age of the oldest row that is not frozen, in transactions: autovacuum_freeze_max_age limits it. Null for a partitioned table. */
  frozenAge: number | null;
  /** Null where a lock prevents the measurement. */
  bytes: { total: number; table: number; indexes: number } | null;
  why: string | null;
  /** The VACUUM that runs on it now. */
  vacuum: ({ pid: number; phase: string } & { [name: string]: number | string | null }) | null;
};

export interface Tables {
  tables: TableStats[];
  io: IoFigures[] | null;
  /** The figures that this version of Postgres does not have. */
  missing: Record<string, string>;
}

/** Each size takes a stat() for each GB of a relation. */
const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 10_000;
export const MAX_TABLES = 500;

const sql = (major: number) => `
with ${LOCKED_RELATIONS},
largest as materialized (
  select c.oid, c.relname, c.relkind, c.reltuples, c.relfrozenxid, n.nspname,
    array_remove(array[c.oid, nullif(c.reltoastrelid, 0)], null) || array(select indexrelid from pg_index where indrelid = c.oid) as parts
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm', 'p') and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema')
  order by c.relpages desc, c.oid limit ${MAX_TABLES}
),
sized as materialized (
  select oid, pg_table_size(oid)::float8 as own, pg_indexes_size(oid)::float8 as indexes
  from largest where not parts && (select oids from locked)
)
select t.nspname as schema, t.relname as "table",
  case t.relkind when 'r' then 'table' when 'p' then 'partitioned' else 'materialized view' end as kind,
  case when t.reltuples >= 0 then t.reltuples::float8 end as rows,
  case when t.relkind <> 'p' then age(t.relfrozenxid)::float8 end as "frozenAge",
  case when z.oid is not null then json_build_object('total', z.own + z.indexes, 'table', z.own, 'indexes', z.indexes) end as bytes,
  (select row_to_json(v) from (select p.pid, p.phase, ${selectFigures(VACUUM_FIGURES, 'p', major)}
    from pg_stat_progress_vacuum p where p.relid = t.oid and p.datname = current_database() limit 1) v) as vacuum,
  ${selectFigures(TABLE_FIGURES, 's', major)}
from largest t left join sized z using (oid) left join pg_stat_all_tables s on s.relid = t.oid
order by z.own + z.indexes desc nulls first, 1, 2`;

const LOCKED =
  'a session holds or waits for an ACCESS EXCLUSIVE lock, for which the size functions of Postgres would wait';

export async function readTables(pool: Pool, options: Parameters<Pool['query']>[2]): Promise<Tables> {
  const major = await majorVersion(pool, options);
  const rows = await pool.query<TableStats>(sql(major), [], options);
  const io = await readIo(pool, major, options);
  return {
    tables: rows.map((row) => ({ ...row, why: row.bytes === null ? LOCKED : null })),
    io: io.figures,
    missing: { ...missingFigures(TABLE_FIGURES, major), ...missingFigures(VACUUM_FIGURES, major), ...io.missing },
  };
}

export function tables(postgres: PostgresConnection): CollectorDefinition<Tables> {
  const options = { holder: { route: 'collector postgres tables' }, timeoutMs: TIMEOUT_MS };
  return {
    name: 'postgres tables',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    collect: async () => readTables(postgres.admin(), options),
  };
}
