/** Postgres's statistics, and digests of rows, tell which of the tables that policies read have changed. */
import { type Database, identifier } from '@tidemark/db';
import type { TableRead } from '../policies/tables-read.ts';
import { primaryVisibility } from '../snapshots/snapshot-place.ts';
import type { SnapshotVisibility } from '../snapshots/snapshot-visibility.ts';
import type { Counters, WatchedTable } from './watched-table.ts';

export interface Look {
  visibility: SnapshotVisibility;
  counters(table: WatchedTable): Counters;
}

export async function lookAtTables(database: Database, tables: readonly WatchedTable[]): Promise<Look> {
  const oids = [...new Set(tables.flatMap(({ read }) => read.counted.map(({ oid }) => oid)))];
  // The snapshot is read after the statistics, so that it is no older than what they count.
  const [counted, place] = await database.pools.write.transaction(
    (tx) => Promise.all([tx.query<Counter>(COUNTERS, [JSON.stringify(oids)]), tx.snapshot()]),
    { readOnly: true },
  );
  const found = new Map(counted.map((counter) => [counter.oid, counter]));
  return {
    visibility: primaryVisibility(place),
    counters({ read }) {
      const all = read.counted.map(({ oid }) => found.get(String(oid)));
      return { updates: all.map((one) => one?.updates).join(), others: all.map((one) => one?.others).join() };
    },
  };
}

interface Counter {
  oid: string;
  updates: string;
  others: string;
}

/** The file number tells of a truncated or rewritten table. */
const COUNTERS = `select o.oid::text as oid, pg_stat_get_tuples_updated(o.oid)::text as updates,
  concat_ws(' ', pg_stat_get_tuples_inserted(o.oid), pg_stat_get_tuples_deleted(o.oid), pg_relation_filenode(o.oid)) as others
from (select value::oid as oid from json_array_elements_text($1::json)) as o`;

/** Limit for a digest. A table that takes longer counts as changed. */
const DIGEST_TIMEOUT_MS = 1_000;

/** Digests the columns that policies read. Throws 42501 where this service may not read all rows. */
export async function digestOf(database: Database, { schema, table, names }: TableRead) {
  const columns = names.map(identifier).join(', ');
  const sql = `select count(*) || ' ' || coalesce(sum(hashtextextended(row(${columns})::text, 0)), 0) as digest
    from ${identifier(schema)}.${identifier(table)}`;
  const [, [found], { lsn }] = await database.pools.write.transaction(
    (tx) => Promise.all([tx.query(ALL_ROWS), tx.query<{ digest: string }>(sql), tx.snapshot()]),
    { readOnly: true, timeoutMs: DIGEST_TIMEOUT_MS },
  );
  return { digest: (found as { digest: string }).digest, lsn };
}

/** Makes a statement fail, instead of leaving out rows, where a policy hides some from this service. */
const ALL_ROWS = `select set_config('row_security', 'off', true)`;
