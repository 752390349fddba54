/** Reads pages by key: each page is a short read of its own, which an index finds at any depth. */

import type { ReadRequest, ReadResult } from '../database-types.ts';
import { errors } from '../errors.ts';
import { identifier } from '../sql/quote.ts';
import type { Param, Row } from '../types.ts';
import { batchSize } from './batches.ts';
import type { Page, PagesRequest } from './types.ts';

export type Read = <R extends Row>(request: ReadRequest) => Promise<ReadResult<R>>;

export async function* keysetPages<R extends Row>(
  read: Read,
  request: PagesRequest,
): AsyncGenerator<Page<R>, void, undefined> {
  const { statement, key, size: asked, after, tidemark: askedTidemark, ...rest } = request;
  const size = batchSize(asked);
  if (after !== undefined && after.length !== key.length) {
    throw errors.STREAM_REQUEST({ reason: `after has ${after.length} values, the key has ${key.length}` });
  }
  const columns = key.map((column) => `"_page".${identifier(column)}`).join(', ');
  const params = statement.params ?? [];
  const beyond = key.map((_, index) => `$${params.length + index + 1}`).join(', ');
  const from = `select * from (${statement.text}\n) as "_page"`;
  const page = ` order by ${columns} limit ${size}`;
  let last = after;
  let tidemark = askedTidemark;
  for (;;) {
    const result: ReadResult<R> = await read<R>({
      ...rest,
      statement:
        last === undefined
          ? { text: from + page, params }
          : { text: `${from} where (${columns}) > (${beyond})${page}`, params: [...params, ...last] },
      ...(tidemark !== undefined && { tidemark }),
    });
    const { rows, proven, source, server } = result;
    tidemark = result.tidemark;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = key.map((column) => keyValue(end, column));
    yield { rows, last, tidemark, proven, source, server };
    if (rows.length < size) return;
  }
}

/** @throws DB_STREAM_REQUEST for a null: no value is greater, and the other rows would be left out silently */
function keyValue(row: Row, column: string): Param {
  const value: unknown = row[column];
  if (value === null || value === undefined) {
    throw errors.STREAM_REQUEST({ reason: `the key column "${column}" is ${value === null ? 'null' : 'not there'}` });
  }
  return value as Param;
}
