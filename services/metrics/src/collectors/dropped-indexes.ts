/** Indexes that were scanned and then dropped, with what their tables are read sequentially since then. */
import { literal } from '@tidemark/db';
import type { CollectorDefinition } from './collector.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import type { Indexes, IndexStats } from './postgres-indexes.ts';

export interface DroppedIndex {
  schema: string;
  table: string;
  index: string;
  /** CREATE INDEX …; null where it could not be read. */
  definition: string | null;
  /** Scans of the index from the start of its statistics to its end. */
  scans: number;
  /** ms since 1970: when it was missed. */
  at: number;
  /** Sequential scans of the table since then, and the rows that they read. */
  sequentialScans: number;
  sequentialRows: number;
}

type Known = Pick<IndexStats, 'schema' | 'table' | 'index' | 'definition'> & { scans: number };
interface Seen extends DroppedIndex {
  from: { scans: number; rows: number };
}

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 3_000;
/** After an hour the slower statements are the ordinary course. */
const KEPT_MS = 3_600_000;
const MAX_DROPPED = 20;

/** Names alone: a list of a thousand takes 30 KB. */
const NAMES = `
select c.relnamespace::regnamespace::text || '.' || quote_ident(c.relname) as name from pg_index x join pg_class c on c.oid = x.indexrelid
where c.relkind = 'i' and c.relpersistence <> 't' and c.relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)`;
const scansOf = (tables: readonly string[]) => `
select t.name, s.seq_scan::float8 as scans, s.seq_tup_read::float8 as rows
from unnest(array[${tables.map(literal).join(', ')}]) as t(name) join pg_stat_all_tables s on s.relid = to_regclass(t.name)`;

export function droppedIndexes(
  postgres: PostgresConnection,
  indexes: () => Indexes | undefined,
): CollectorDefinition<DroppedIndex[]> {
  const options = { holder: { route: 'collector dropped indexes' }, timeoutMs: TIMEOUT_MS };
  let known = new Map<string, Known>();
  const dropped = new Map<string, Seen>();

  async function readScans(tables: readonly string[]) {
    if (tables.length === 0) return new Map<string, { scans: number; rows: number }>();
    const rows = await postgres
      .admin()
      .query<{ name: string; scans: number; rows: number }>(scansOf([...new Set(tables)]), [], options);
    return new Map(rows.map(({ name, scans, rows }) => [name, { scans, rows }]));
  }

  return {
    name: 'dropped indexes',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const rows = await postgres.admin().query<{ name: string }>(NAMES, [], options);
      const names = new Set(rows.map(({ name }) => name));
      const now = Date.now();
      for (const [name, one] of dropped) if (names.has(name) || now - one.at > KEPT_MS) dropped.delete(name);
      const gone = [...known].filter(([name, { scans }]) => !names.has(name) && scans > 0 && !dropped.has(name));
      const tables = await readScans([...gone.map(([, one]) => one), ...dropped.values()].map(tableOf));
      for (const [name, one] of gone.slice(0, MAX_DROPPED - dropped.size)) {
        const from = tables.get(tableOf(one));
        // Its table may have been dropped as well.
        if (from) dropped.set(name, { ...one, at: now, sequentialScans: 0, sequentialRows: 0, from });
      }
      for (const [name, one] of dropped) {
        const sums = tables.get(tableOf(one));
        if (!sums) dropped.delete(name);
        else {
          one.sequentialScans = sums.scans - one.from.scans;
          one.sequentialRows = sums.rows - one.from.rows;
        }
      }
      known = knownOf(indexes(), known, names);
      return [...dropped.values()].map(({ from: _from, ...one }) => ({ ...one }));
    },
  };
}

/** The collector of indexes runs less often, so its list may still have one that is gone. */
function knownOf(
  indexes: Indexes | undefined,
  before: ReadonlyMap<string, Known>,
  names: ReadonlySet<string>,
): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const { schema, table, index, definition, scans } of indexes?.indexes ?? []) {
    const name = nameOf(schema, index);
    if (!names.has(name)) continue;
    known.set(name, {
      schema,
      table,
      index,
      definition: definition ?? before.get(name)?.definition ?? null,
      scans: scans ?? 0,
    });
  }
  return indexes === undefined ? new Map(before) : known;
}

const tableOf = ({ schema, table }: Pick<Known, 'schema' | 'table'>) => nameOf(schema, table);
const nameOf = (schema: string, name: string) => `${quoted(schema)}.${quoted(name)}`;
/** As quote_ident does for names that are no keywords. */
const quoted = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
