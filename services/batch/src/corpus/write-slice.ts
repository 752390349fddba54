/**
 * Writes the records of a slice with one statement. When Postgres refuses it, it is halved until the records that are refused are
 * alone: each takes about as many statements as twice the bits of the slice's size. A half whose fellow has no refusal is known to
 * have one, and not tried as a whole.
 */
import { TidemarkError } from '@tidemark/contracts';
import type { Transaction } from '@tidemark/db';
import { cutText } from '../cut-text.ts';
import { addRecord, type RecordRange, sizeOf } from './record-ranges.ts';

interface Refusal {
  code: string;
  message: string;
  records: [number, number][];
}

export interface WrittenSlice {
  written: number;
  refused: [number, number][];
  /** Each entry has a reason of its own. */
  refusals: Refusal[];
}

/** Rights and row-level security, data, integrity, check options, limits of a row, and RAISE. */
const REFUSALS = /^(42501|22|23|44|54|P0|PT)/;
/** A reason may have the value in its text. Further ones are counted under the first with the same code. */
const MAX_REASONS = 20;
const MAX_MESSAGE = 300;

/** Within the transaction of the submitter. Any error that does not come from a record is thrown. */
export async function writeSlice(
  tx: Transaction,
  insert: string,
  ranges: readonly RecordRange[],
  signal: AbortSignal,
): Promise<WrittenSlice> {
  const slice: WrittenSlice = { written: 0, refused: [], refusals: [] };
  // Deferred constraints would refuse the whole slice at its end.
  await tx.query('set constraints all immediate');
  for (const range of ranges) await write(range, false);
  return slice;

  /** Returns whether a record was refused. `isKnown`: the range was refused before, so that it is not tried as a whole. */
  async function write(range: RecordRange, isKnown: boolean): Promise<boolean> {
    signal.throwIfAborted();
    const [first, last] = range;
    if (!isKnown || first === last) {
      const refusal = await attempt(range);
      if (!refusal) return false;
      if (first === last) {
        refuse(slice, first, refusal);
        return true;
      }
    }
    const middle = Math.floor((first + last) / 2);
    const isInFirst = await write([first, middle], false);
    const isInSecond = await write([middle + 1, last], !isInFirst);
    return isInFirst || isInSecond;
  }

  /** Returns the reason when the range is refused. */
  async function attempt(range: RecordRange): Promise<TidemarkError | undefined> {
    const [, outcome] = await Promise.allSettled([tx.query('savepoint records'), tx.query(insert, range)]);
    if (outcome.status === 'fulfilled') {
      slice.written += sizeOf(range);
      await tx.query('release savepoint records');
      return undefined;
    }
    const error = outcome.reason as unknown;
    if (!(error instanceof TidemarkError && REFUSALS.test(error.code))) throw error;
    await tx.query('rollback to savepoint records');
    return error;
  }
}

function refuse(slice: WrittenSlice, record: number, { code, publicMessage }: TidemarkError): void {
  const { refusals } = slice;
  const message = cutText(publicMessage, MAX_MESSAGE);
  let refusal = refusals.find((known) => known.code === code && known.message === message);
  if (!refusal && refusals.length >= MAX_REASONS) refusal = refusals.find((known) => known.code === code);
  if (!refusal) {
    refusal = { code, message, records: [] };
    refusals.push(refusal);
  }
  addRecord(refusal.records, record);
  addRecord(slice.refused, record);
}
