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
interface Reads extends Record<string, unknown> {
  scans: number;
  rows: number;
}
interface Seen extends DroppedIndex {
  /** By server: the primary first, then the replicas, which have statistics of their own. */
  from: (Reads | undefined)[];
}

const INTERVAL_MS = 5_000;
const TIMEOUT_MS = 3_000;
/** An index that was dropped an hour ago no longer explains slow statements. */
const KEPT_MS = 3_600_000;
const MAX_DROPPED = 20;
/** A replica that is slow or away must not delay the others. */
const REPLICA_WAIT_MS = 500;

/** Names alone: a list of a thousand takes 30 KB. */
const NAMES = `
select c.relnamespace::regnamespace::text || '.' || quote_ident(c.relname) as name from pg_index x join pg_class c on c.oid = x.indexrelid
where c.relkind = 'i' and c.relpersistence <> 't' and c.relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace)`;
const scansOf = (tables: readonly string[]) => `
select t.name, s.seq_scan::float8 as scans, s.seq_tup_read::float8 as rows
from unnest(array[${tables.map(literal).join(', ')}]) as t(name) join pg_stat_all_tables s on s.relid = to_regclass(t.name)`;
/** Indexes that a replica has read. */
const READ = `
select quote_ident(schemaname) || '.' || quote_ident(indexrelname) as name, idx_scan::float8 as scans
from pg_stat_user_indexes where idx_scan > 0`;

export function droppedIndexes(
  postgres: PostgresConnection,
  indexes: () => Indexes | undefined,
): CollectorDefinition<DroppedIndex[]> {
  const options = { holder: { route: 'collector dropped indexes' } };
  let known = new Map<string, Known>();
  const dropped = new Map<string, Seen>();

  /** By server, undefined for a replica that does not answer. */
  async function readAll<R extends Record<string, unknown>>(text: string): Promise<(readonly R[] | undefined)[]> {
    const rows = await postgres.admin().query<R>(text, [], options);
    return [rows, ...(await onReplicas<R>(text))];
  }

  function onReplicas<R extends Record<string, unknown>>(text: string): Promise<(readonly R[] | undefined)[]> {
    const wait = { ...options, acquireTimeoutMs: REPLICA_WAIT_MS };
    return Promise.all(
      postgres.replicas.map((replica) =>
        replica.query<R>(text, [], wait).then(
          (rows) => rows,
          () => undefined,
        ),
      ),
    );
  }

  async function readScans(tables: readonly string[]): Promise<Map<string, (Reads | undefined)[]>> {
    const read = new Map<string, (Reads | undefined)[]>();
    if (tables.length === 0) return read;
    const servers = await readAll<{ name: string } & Reads>(scansOf([...new Set(tables)]));
    servers.forEach((rows, server) => {
      for (const { name, scans, rows: count } of rows ?? []) {
        const all = read.get(name) ?? servers.map(() => undefined);
        all[server] = { scans, rows: count };
        read.set(name, all);
      }
    });
    return read;
  }

  /** Scans by the replicas: reads go there, so that the primary alone may never have used an index. */
  async function replicaScans(): Promise<Map<string, number>> {
    const sums = new Map<string, number>();
    for (const rows of await onReplicas<{ name: string; scans: number }>(READ)) {
      for (const { name, scans } of rows ?? []) sums.set(name, (sums.get(name) ?? 0) + scans);
    }
    return sums;
  }

  return {
    name: 'dropped indexes',
    intervalMs: INTERVAL_MS,
    rests: true,
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
        if (from?.[0]) dropped.set(name, { ...one, at: now, sequentialScans: 0, sequentialRows: 0, from });
      }
      for (const [name, one] of dropped) {
        const reads = tables.get(tableOf(one));
        if (!reads?.[0]) dropped.delete(name);
        else {
          one.sequentialScans = since(one.from, reads, ({ scans }) => scans);
          one.sequentialRows = since(one.from, reads, ({ rows }) => rows);
        }
      }
      known = knownOf({ indexes: indexes(), before: known, names, onReplicas: await replicaScans() });
      return [...dropped.values()].map(({ from: _from, ...one }) => ({ ...one }));
    },
  };
}

/** A server that did not answer at one of both times does not count. */
function since(from: Seen['from'], now: Seen['from'], of: (reads: Reads) => number): number {
  return now.reduce((sum, reads, server) => {
    const before = from[server];
    return before && reads ? sum + Math.max(0, of(reads) - of(before)) : sum;
  }, 0);
}

interface KnownInputs {
  indexes: Indexes | undefined;
  before: ReadonlyMap<string, Known>;
  names: ReadonlySet<string>;
  onReplicas: ReadonlyMap<string, number>;
}

/** The collector of indexes runs less often, so its list may still have one that is gone. */
function knownOf({ indexes, before, names, onReplicas }: KnownInputs): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const { schema, table, index, definition, scans } of indexes?.indexes ?? []) {
    const name = nameOf(schema, index);
    if (!names.has(name)) continue;
    known.set(name, {
      schema,
      table,
      index,
      definition: definition ?? before.get(name)?.definition ?? null,
      scans: (scans ?? 0) + (onReplicas.get(name) ?? 0),
    });
  }
  return indexes === undefined ? new Map(before) : known;
}

const tableOf = ({ schema, table }: Pick<Known, 'schema' | 'table'>) => nameOf(schema, table);
const nameOf = (schema: string, name: string) => `${quoted(schema)}.${quoted(name)}`;
/** Quotes as quote_ident does for names that are no keywords. */
const quoted = (name: string) => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
