/**
 * Positions in Postgres's write-ahead log (WAL).
 *
 *    LSN       bigint; Postgres prints it as `16/B374D848`
 *    tidemark  `<epoch>-<16 hex digits of the LSN>`; tidemarks of one epoch sort as text
 *    position  `<tidemark>.<8 hex digits>`: a change inside a transaction; sorts as text as well
 *
 * The LSN of a transaction is always the END of its commit record, so that "replayed up to the tidemark" means "includes
 * the transaction".
 */
import { defineErrors, row } from './errors.ts';

export type Lsn = bigint;
export type Tidemark = string;
export type Position = string;

/** Lower-case base 36, so that a later epoch sorts after an earlier one; never contains `-` or `.`. */
export const EPOCH_PATTERN = '[0-9a-z]{6,16}';
export const TIDEMARK_PATTERN = `^${EPOCH_PATTERN}-[0-9A-F]{16}$`;
export const POSITION_PATTERN = `^${EPOCH_PATTERN}-[0-9A-F]{16}\\.[0-9A-F]{8}$`;

export const TIDEMARK_HEADER = 'tidemark';

const tidemarkRegExp = new RegExp(TIDEMARK_PATTERN);
const positionRegExp = new RegExp(POSITION_PATTERN);
const lsnRegExp = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;
const MAX_LSN = 0xffff_ffff_ffff_ffffn;

export const clockErrors = defineErrors('TM', {
  INVALID_TIDEMARK: row<{ value: string }>({
    status: 400,
    message: (p) => `"${p.value.slice(0, 80)}" is not a tidemark`,
    hint: 'Send back the Tidemark header of an earlier answer, unchanged: <epoch>-<16 hex digits>.',
  }),
  INVALID_POSITION: row<{ value: string }>({
    status: 400,
    message: (p) => `"${p.value.slice(0, 80)}" is not a position`,
    hint: 'Send back the position of the last frame that you received, unchanged.',
  }),
  INVALID_LSN: row<{ value: string }>({
    status: 500,
    message: (p) => `"${p.value.slice(0, 80)}" is not a WAL position`,
    hint: 'Postgres prints a WAL position as two hexadecimal numbers with a slash, such as 16/B374D848.',
  }),
});

export function parseLsn(text: string): Lsn {
  const match = lsnRegExp.exec(text);
  if (!match) throw clockErrors.INVALID_LSN({ value: text });
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`;
}

export function formatTidemark(epoch: string, lsn: Lsn): Tidemark {
  return `${epoch}-${lsnToHex(lsn)}`;
}

export function parseTidemark(text: string): { epoch: string; lsn: Lsn } {
  if (!tidemarkRegExp.test(text)) throw clockErrors.INVALID_TIDEMARK({ value: text });
  const dash = text.indexOf('-');
  return { epoch: text.slice(0, dash), lsn: BigInt(`0x${text.slice(dash + 1)}`) };
}

/** Returns the later of two tidemarks: epochs sort as text, and so do the tidemarks of one epoch. */
export const laterTidemark = (a: Tidemark, b: Tidemark): Tidemark => (a > b ? a : b);

export function formatPosition(epoch: string, lsn: Lsn, index: number): Position {
  return `${formatTidemark(epoch, lsn)}.${(index >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
}

/** Parses a position, or a bare tidemark, which means "after everything in that transaction". */
export function parsePosition(text: string): { epoch: string; lsn: Lsn; index: number } {
  if (tidemarkRegExp.test(text)) return { ...parseTidemark(text), index: 0xffff_ffff };
  if (!positionRegExp.test(text)) throw clockErrors.INVALID_POSITION({ value: text });
  const dot = text.indexOf('.');
  return { ...parseTidemark(text.slice(0, dot)), index: Number.parseInt(text.slice(dot + 1), 16) };
}

/** Returns 16 upper-case hexadecimal digits. */
export function lsnToHex(lsn: Lsn): string {
  if (lsn < 0n || lsn > MAX_LSN) throw clockErrors.INVALID_LSN({ value: String(lsn) });
  return lsn.toString(16).toUpperCase().padStart(16, '0');
}

export function lsnFromHex(hex: string): Lsn {
  return BigInt(`0x${hex}`);
}

/** Returns a new epoch: milliseconds since 1970 in base 36, so that epochs sort by time. */
export function mintEpoch(now: number = Date.now()): string {
  return now.toString(36).padStart(9, '0');
}
