import { parserOf } from '../connection/driver-options.ts';
import type { Column } from './pipelined-read.ts';

const NULL = 0xffff_ffff;

/** For each column: name, table (4 bytes), number (2), type (4), size (2), modifier (4), format (2). */
export function columnsOf(bytes: Buffer, from: number): Column[] {
  const columns = new Array<Column>(bytes.readUInt16BE(from));
  let at = from + 2;
  for (let i = 0; i < columns.length; i++) {
    const end = bytes.indexOf(0, at);
    columns[i] = { name: bytes.toString('utf8', at, end), parse: parserOf(bytes.readUInt32BE(end + 7)) };
    at = end + 19;
  }
  return columns;
}

export function rowOf(bytes: Buffer, from: number, columns: readonly Column[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  let at = from + 2;
  for (let i = 0; i < columns.length; i++) {
    const { name, parse } = columns[i] as Column;
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === NULL) row[name] = null;
    else {
      const text = bytes.toString('utf8', at, at + length);
      row[name] = parse === undefined ? text : parse(text);
      at += length;
    }
  }
  return row;
}
