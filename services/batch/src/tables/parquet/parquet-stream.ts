import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BatchRequest, Database, Row } from '@tidemark/db';
import { identifier } from '@tidemark/db';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ResultType } from '../describe.ts';
import { type ColumnWriter, columnWriter } from './column-writers.ts';

export interface ParquetStream {
  stream: Readable;
  /** Complete when the stream has ended. */
  source(): { rows: number; tidemark: string };
}

/** Rows of a group are in memory, as values and as bytes: 10 MB at 1 KB a row. */
const GROUP_ROWS = 10_000;
/** The event loop is free between the conversions of so many rows. */
const BATCH_ROWS = 1_000;

export function parquetStream(
  database: Database,
  request: Omit<BatchRequest, 'size'>,
  columns: readonly ResultType[],
): ParquetStream {
  const source = { rows: 0, tidemark: '' };
  return { stream: Readable.from(parquetBytes(database, request, columns, source)), source: () => source };
}

async function* parquetBytes(
  database: Database,
  request: Omit<BatchRequest, 'size'>,
  columns: readonly ResultType[],
  source: { rows: number; tidemark: string },
): AsyncGenerator<Buffer> {
  const writers = columns.map(columnWriter);
  const out = new GrowingBytes();
  const root = { name: 'root', num_children: writers.length };
  const parquet = new ParquetWriter({ writer: out, schema: [root, ...writers.map(({ element }) => element)] });
  let group = emptyGroup(writers);
  const writeGroup = async () => {
    if (group[0]!.length === 0) return;
    const columnData = writers.map(({ element: { name } }, n) => ({ name, data: group[n]! }));
    await parquet.write({ columnData, rowGroupSize: GROUP_ROWS });
    group = emptyGroup(writers);
    await nextTurn();
  };
  const statement = selectExact(request.statement, writers);
  for await (const { rows, proven } of database.streams.rowsInBatches({ ...request, statement, size: BATCH_ROWS })) {
    source.tidemark = proven;
    source.rows += rows.length;
    for (const row of rows) addRow(group, writers, row);
    if (group[0]!.length >= GROUP_ROWS) {
      await writeGroup();
      yield out.take();
    }
  }
  await writeGroup();
  await parquet.finish();
  yield out.take();
}

const emptyGroup = (writers: readonly ColumnWriter[]): unknown[][] => writers.map(() => []);

function addRow(group: unknown[][], writers: readonly ColumnWriter[], row: Row): void {
  for (const [n, { convert }] of writers.entries()) {
    const value = row[`c${n}`];
    group[n]!.push(value === null ? null : convert(value));
  }
}

function selectExact({ text, params }: BatchRequest['statement'], writers: readonly ColumnWriter[]) {
  const names = writers.map((_, n) => `c${n}`);
  const outputs = writers.map(({ sql }, n) => `${sql(`"_p".${names[n]}`)} as ${identifier(names[n]!)}`);
  const exact = `select ${outputs.join(', ')} from (${text}\n) as "_p" (${names.join(', ')})`;
  return { text: exact, ...(params && { params }) };
}

/** Hands on what was written since the last time; offsets count from the beginning of the file. */
class GrowingBytes extends ByteWriter {
  take(): Buffer {
    const bytes = Buffer.from(this.getBytes());
    this.index = 0;
    return bytes;
  }
}
