/** Sums and counts of a query's groups, exact since Postgres computes them. */
import { parseQuery } from '@tidemark/query';
import { Type } from 'typebox';
import { errors } from '../errors.ts';
import { MAX_VALUE_BYTES } from '../items/storable.ts';
import { describeColumns } from '../tables/describe.ts';
import { exportQuery } from '../tables/export-query.ts';
import { asQueryError, type PlannedQuery, planTableQuery, tableQuery } from '../tables/table-query.ts';
import { defineKind, type ItemContext, type ItemResult } from './job-kind.ts';
import { singleItem } from './single-item.ts';

/** An hour: a report reads every row of its tables. */
const MAX_MS = 3_600_000;
/** Room for the name of the member and the tidemark. */
const MAX_ROWS_BYTES = MAX_VALUE_BYTES - 256;

export default defineKind({
  name: 'report.aggregate',
  version: 1,
  spec: Type.Object(
    {
      ...tableQuery,
      as: Type.Optional(Type.Enum(['value', 'file'], { default: 'value' })),
      format: Type.Optional(Type.Enum(['csv', 'ndjson', 'json', 'parquet'], { default: 'csv' })),
    },
    { additionalProperties: false },
  ),
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: MAX_MS, isWholeJob: true },
  runsOn: 'main',
  usesDatabase: true,
  async source({ spec, database }) {
    const { statement } = planTableQuery(await database.catalog(), spec);
    if (!hasAggregate(spec.query)) throw errors.NO_AGGREGATE();
    await describeColumns(database.database.pools.write, database.identity, statement);
    return singleItem();
  },
  cost: () => 0,
  async run(_item, context) {
    const { as = 'value', format = 'csv' } = context.spec;
    const planned = planTableQuery(await context.database!.catalog(), context.spec);
    return as === 'file' ? exportQuery(context, planned, { format, spreadsheet: false }) : aggregate(context, planned);
  },
});

function hasAggregate(query: string): boolean {
  const { select } = parseQuery(query.slice(query.indexOf('?') + 1));
  return select.some((item) => item.kind === 'count' || (item.kind === 'column' && item.aggregate !== null));
}

/** The rows stay text, because numbers of JavaScript have fewer digits than those of Postgres. */
async function aggregate(context: ItemContext<unknown>, { statement }: PlannedQuery): Promise<ItemResult> {
  const { job, signal, limits } = context;
  const { database, identity, snapshots } = context.database!;
  const { id: snapshot } = await snapshots.of(job);
  const from = { identity, snapshot, signal, timeoutMs: limits.itemMs, holder: { route: `job ${job}` } };
  try {
    const { body, proven } = await database.streams.copyOut({ ...from, statement, format: 'json' });
    const parts: Buffer[] = [];
    for await (const part of body) {
      parts.push(Buffer.from(part));
      // Leaving the loop destroys the stream.
      if (body.bytes > MAX_ROWS_BYTES) throw errors.REPORT_TOO_LARGE({ limit: MAX_ROWS_BYTES });
    }
    return { json: `{"rows": ${Buffer.concat(parts)}, "tidemark": ${JSON.stringify(proven)}}` };
  } catch (error) {
    throw asQueryError(error);
  }
}
