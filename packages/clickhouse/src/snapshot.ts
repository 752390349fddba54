/** Copies a table into a new generation, and says from which message on its changes are wanted. */
import { type Bus, changesRange } from '@tidemark/bus';
import { type Pool, parseXidSnapshot } from '@tidemark/db';
import type { ClickHouseServer } from './clickhouse-server.ts';
import type { Abilities } from './column-types.ts';
import { errors } from './errors.ts';
import type { Position } from './positions.ts';
import { readSourceTable, type SourceTable, type TableName } from './source-table.ts';
import { imageOfRow, RowWriter, selectRows } from './table-rows.ts';
import { nameOf, storageOf, type Target } from './target.ts';

export interface SnapshotTools {
  readonly bus: Bus;
  readonly postgres: Pool;
  readonly server: ClickHouseServer;
  readonly target: Target;
  readonly abilities: Abilities;
  readonly publication: string;
  /** @throws CLICKHOUSE_STOPPED once the sink stops */
  checkRunning(): void;
}

/** Rows that are fetched and inserted at once: at 1 KB each, 10 MB. */
const FETCH_ROWS = 10_000;
/** After this time a transaction that still runs, and waits for no replica, has not written its commit record. */
const COMMIT_MS = 1_000;
const POLL_MS = 20;

/** @returns the position, and the number of rows @throws CLICKHOUSE_NO_TABLE, CLICKHOUSE_NO_KEY, CLICKHOUSE_NOT_PUBLISHED */
export async function copyTable(
  tools: SnapshotTools,
  name: TableName,
  generation: number,
): Promise<{ position: Position; rows: number }> {
  const { postgres, server, target, abilities, publication } = tools;
  const { last: sequence } = await changesRange(tools.bus);
  await untilPublishedAreVisible(tools);
  return postgres.transaction(
    async (tx) => {
      // Row-level security would leave out rows: with this setting, Postgres refuses instead.
      await tx.query('set local row_security = off');
      const { text, lsn } = await tx.snapshot();
      const found = await readSourceTable((sql, params) => tx.query(sql, params), name, publication);
      const source = checkedSource(found, name, publication);
      await target.createStorage(source, generation);
      const writer = new RowWriter(source, abilities);
      const storage = storageOf(name, generation);
      await tx.query(`declare copied no scroll cursor for ${selectRows(source)}`);
      let rows = 0;
      for (;;) {
        tools.checkRunning();
        const fetched = await tx.query<{ row: string }>(`fetch ${FETCH_ROWS} from copied`);
        if (fetched.length === 0) break;
        // Every change that follows has a position above 0, and replaces the row.
        await server.insert(
          storage,
          fetched.map(({ row }) => writer.row(imageOfRow(row, source), 0n)),
        );
        rows += fetched.length;
      }
      const snapshot = { text, until: String(lsn) };
      return { position: { source, generation, epoch: undefined, sequence, snapshot }, rows };
    },
    { isolation: 'repeatable read', readOnly: true, timeoutMs: 0 },
  );
}

export function checkedSource(found: SourceTable | undefined, name: TableName, publication: string): SourceTable {
  const table = nameOf(name);
  if (!found) throw errors.NO_TABLE({ table });
  if (found.key.length === 0) throw errors.NO_KEY({ table });
  if (!found.isPublished) throw errors.NOT_PUBLISHED({ table, publication });
  return found;
}

/**
 * A commit is in the WAL, and maybe in the stream, before a snapshot sees it: for an instant, or for as long as it waits for a
 * synchronous replica. The stream is followed behind its present end, so a snapshot must see everything up to there.
 */
async function untilPublishedAreVisible(tools: SnapshotTools): Promise<void> {
  const { postgres } = tools;
  const running = async () => {
    const [row] = await postgres.query<{ snapshot: string }>('select pg_current_snapshot()::text as snapshot');
    return parseXidSnapshot(row?.snapshot ?? '');
  };
  const first = await running();
  const began = Date.now();
  for (;;) {
    tools.checkRunning();
    const now = await running();
    const left = [...now.running].filter((xid) => first.running.has(xid));
    if (left.length === 0) return;
    if (Date.now() - began > COMMIT_MS) {
      const [waiting] = await postgres.query(
        `select from pg_stat_activity where wait_event = 'SyncRep' and backend_xid::text = any (
           select (xid % 4294967296)::text from unnest($1::numeric[]) as of (xid))`,
        [left.map(String)],
      );
      if (!waiting) return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
