/**
 * Random numbers that depend only on the seed, the place in the template and the number of the record, so that any slice of the
 * records can be made anywhere, again and again. Postgres computes them: `hashint8extended` also decides the partition of a row, so
 * it stays the same in later releases and on other machines. It hashes 32 bits of its first argument, and 64 of its second.
 */
import { createHash } from 'node:crypto';

/** A value is made in a record, and perhaps in elements of its arrays. */
export interface Place {
  seed: number;
  path: string;
  /** SQL of the number of the record. */
  record: string;
  /** SQL of the positions in the arrays around the value, the outermost first. */
  positions: readonly string[];
}

/** Returns SQL of an int8 of 64 random bits. Values of one place with different purposes are independent. */
export function hashSql({ seed, path, record, positions }: Place, purpose: string): string {
  const salt = createHash('sha256')
    .update(JSON.stringify([seed, path, purpose]))
    .digest()
    .readBigInt64BE(0);
  const inner = positions.reduce((sum, position) => `pg_catalog.hashint8extended(${position}, ${sum})`, int8(salt));
  return `pg_catalog.hashint8extended(${record}, ${inner})`;
}

/** Returns SQL of an int8 from 0 to below `count`, itself a number or SQL. The error of its distribution is below 2^-10. */
export function pickSql(place: Place, purpose: string, count: number | bigint | string): string {
  if (count === 1 || count === 1n) return int8(0n);
  const most = typeof count === 'string' ? count : int8(BigInt(count));
  return `((${hashSql(place, purpose)} & ${int8(2n ** 63n - 1n)}) % ${most})`;
}

/** A negative literal in SQL is an operator and a number, of which the least int8 has none. */
export const int8 = (value: bigint): string =>
  value < 0 ? `(-${String(-(value + 1n))}::int8 - 1)` : `${String(value)}::int8`;
