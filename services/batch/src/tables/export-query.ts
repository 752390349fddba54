import type { ItemContext, ItemResult } from '../kinds/job-kind.ts';
import { describeColumns } from './describe.ts';
import { guardCells } from './guard-cells.ts';
import { asQueryError, type PlannedQuery } from './table-query.ts';

const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  parquet: 'application/vnd.apache.parquet',
} as const;

export interface ExportOptions {
  format: keyof typeof CONTENT_TYPES;
  spreadsheet: boolean;
}

/** Writes all rows of the job's snapshot to one file, whose counts and checksum are the item's value. */
export async function exportQuery(
  context: ItemContext<unknown>,
  { table, statement }: PlannedQuery,
  { format, spreadsheet }: ExportOptions,
): Promise<ItemResult> {
  const { job, signal, limits } = context;
  const { database, identity, snapshots } = context.database!;
  const { id: snapshot, restarts } = await snapshots.of(job);
  const from = { identity, snapshot, signal, timeoutMs: limits.itemMs, holder: { route: `job ${job}` } };
  const file = { contentType: CONTENT_TYPES[format], extension: format, name: table };
  try {
    const isTyped = format === 'parquet' || spreadsheet;
    const columns = isTyped ? await describeColumns(database.pools.write, identity, statement) : [];
    if (format === 'parquet') {
      const { parquetStream } = await import('./parquet/parquet-stream.ts');
      const parquet = parquetStream(database, { ...from, statement }, columns);
      const stored = await context.store(parquet.stream, file);
      return { files: [stored], value: summaryOf(stored, { ...parquet.source(), restarts }) };
    }
    const text = spreadsheet ? guardCells(statement, columns) : statement;
    const { body, proven } = await database.streams.copyOut({ ...from, statement: text, format, lastNewline: true });
    try {
      const stored = await context.store(body, file);
      return { files: [stored], value: summaryOf(stored, { rows: body.rows, tidemark: proven, restarts }) };
    } finally {
      body.destroy();
    }
  } catch (error) {
    throw asQueryError(error);
  }
}

function summaryOf(
  { size, sha256 }: { size: number; sha256: string },
  { rows, tidemark, restarts }: { rows: number; tidemark: string; restarts: number },
): Record<string, unknown> {
  const restarted = restarts === 0 ? {} : { restarts, note: 'the snapshot was lost, so the export started over' };
  return { rows, bytes: size, sha256, tidemark, ...restarted };
}
