/** Synthetic records from a template and a seed, made and written by Postgres under the policies of the submitter. */

import { recordsInsert } from '../corpus/insert-records.ts';
import { type RecordRange, rangesText } from '../corpus/record-ranges.ts';
import { checkInsert, keepReferences, useReferences } from '../corpus/references.ts';
import { corpusSpec } from '../corpus/template.ts';
import { type WrittenSlice, writeSlice } from '../corpus/write-slice.ts';
import { errors } from '../errors.ts';
import { withNote } from '../tables/job-notes.ts';
import { asQueryError } from '../tables/table-query.ts';
import { defineKind, type ItemContext, type ItemResult } from './job-kind.ts';

/** A slice is one transaction, long enough that its end costs little, short enough that its locks do not last. */
const SLICE_RECORDS = 5_000;
const ITEM_MS = 120_000;

export default defineKind({
  name: 'corpus.generate',
  version: 1,
  spec: corpusSpec,
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: ITEM_MS },
  runsOn: 'main',
  usesDatabase: true,
  async source({ spec, job, database }, cursor, limit) {
    if (cursor === null) {
      const insert = await planned(database, spec);
      await keepReferences(database, job, insert);
      await checkInsert(database, job, insert);
    }
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.count, from + limit * SLICE_RECORDS);
    const inputs: RecordRange[] = [];
    for (let first = from; first < end; first += SLICE_RECORDS) {
      inputs.push([first, Math.min(end, first + SLICE_RECORDS) - 1]);
    }
    return { inputs, cursor: end < spec.count ? String(end) : null };
  },
  cost: () => 0,
  async run({ input }, context): Promise<ItemResult> {
    const database = context.database!;
    const { text } = await planned(database, context.spec);
    const { role, claims } = database.identity;
    return database.writers.run(() => write(context, text, input), `${role} ${claims}`);
  },
});

async function planned(
  database: NonNullable<ItemContext<unknown>['database']>,
  spec: Parameters<typeof recordsInsert>[1],
) {
  try {
    return recordsInsert(await database.catalog(), spec);
  } catch (error) {
    throw asQueryError(error);
  }
}

interface Note {
  refused: [number, number][];
}

/** Records that were refused are tried again when the item is: a policy may have changed. */
async function write(
  { job, database, signal }: ItemContext<unknown>,
  insert: string,
  slice: RecordRange,
): Promise<ItemResult> {
  const {
    database: { pools },
    identity,
  } = database!;
  let outcome: WrittenSlice = { written: 0, refused: [], refusals: [] };
  try {
    await withNote<Note>({
      pool: pools.write,
      identity,
      job,
      name: `slice_${slice[0]}`,
      timeoutMs: ITEM_MS,
      signal,
      prepare: (tx) => useReferences(tx, job),
      async work(tx, before) {
        outcome = await writeSlice(tx, insert, before?.refused ?? [slice], signal);
        return { refused: outcome.refused };
      },
    });
  } catch (error) {
    throw asQueryError(error);
  }
  return resultOf(slice, outcome);
}

function resultOf([first, last]: RecordRange, { refused, refusals }: WrittenSlice): ItemResult {
  const count = refused.reduce((sum, range) => sum + range[1] - range[0] + 1, 0);
  const value = { first, last, written: last - first + 1 - count };
  if (count === 0) return { value };
  const reasons = refusals.map(({ records, ...reason }) => ({ ...reason, records: rangesText(records) }));
  const { code, message, hint } = errors.RECORDS_REFUSED({ count, of: last - first + 1, reasons });
  return { failure: { code, message, hint }, value: { ...value, refused: reasons } };
}
