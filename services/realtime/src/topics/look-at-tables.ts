/** One look at the primary: what Postgres's statistics say of the tables that policies read, and which transactions are visible. */
import { parseLsn } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { parseXidSnapshot, type SnapshotGate } from './gate.ts';
import type { WatchedTable } from './watched-table.ts';

export interface Look {
  /** What is visible behind the statistics, as of a snapshot. */
  gate: SnapshotGate;
  /** Another text where the statistics have moved. */
  counters(table: WatchedTable): string;
}

/** @throws Postgres's errors, and DB_ errors where the primary does not answer */
export async function lookAtTables(database: Database, tables: readonly WatchedTable[]): Promise<Look> {
  const oids = [...new Set(tables.flatMap(({ read }) => read.counted.map(({ oid }) => oid)))];
  const [counted, [place]] = await database.pools.write.transaction(
    (tx) => Promise.all([tx.query<Counter>(COUNTERS, [JSON.stringify(oids)]), tx.query<Place>(PLACE)]),
    { readOnly: true },
  );
  const { lsn, snapshot } = place as Place;
  const found = new Map(counted.map(({ oid, counter }) => [oid, counter]));
  return {
    gate: { kind: 'primary', snapshot: parseXidSnapshot(snapshot), after: 0n, until: parseLsn(lsn) },
    counters: ({ read }) => read.counted.map(({ oid }) => found.get(String(oid))).join(),
  };
}

interface Counter {
  oid: string;
  counter: string;
}

interface Place {
  lsn: string;
  snapshot: string;
}

/** A truncated or rewritten table has another file. */
const COUNTERS = `select o.oid::text as oid, concat_ws(' ', pg_stat_get_tuples_inserted(o.oid), pg_stat_get_tuples_updated(o.oid),
  pg_stat_get_tuples_deleted(o.oid), pg_relation_filenode(o.oid)) as counter
from (select value::oid as oid from json_array_elements_text($1::json)) as o`;
/** Behind it, so that the position is no older than what the statistics tell of. */
const PLACE = 'select pg_current_wal_insert_lsn()::text as lsn, pg_current_snapshot()::text as snapshot';
