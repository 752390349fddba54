/** Writes the rows of a query to a file. Postgres makes the bytes of CSV and JSON, so that every value is its own text. */
import { Type } from 'typebox';
import { describeColumns } from '../tables/describe.ts';
import { exportQuery } from '../tables/export-query.ts';
import { planTableQuery, tableQuery } from '../tables/table-query.ts';
import { defineKind } from './job-kind.ts';
import { singleItem } from './single-item.ts';

const ExportSpec = Type.Object(
  {
    ...tableQuery,
    format: Type.Optional(Type.Enum(['csv', 'ndjson', 'json', 'parquet'], { default: 'csv' })),
    spreadsheet: Type.Optional(
      Type.Boolean({ description: 'CSV: an apostrophe before text that a spreadsheet would run as a formula' }),
    ),
  },
  {
    additionalProperties: false,
    not: { required: ['spreadsheet', 'format'], properties: { format: { enum: ['ndjson', 'json', 'parquet'] } } },
  },
);
/** A day: 100 GB at 1 MB/s. */
const MAX_MS = 86_400_000;

export default defineKind({
  name: 'export',
  version: 1,
  spec: ExportSpec,
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: MAX_MS, isWholeJob: true },
  runsOn: 'main',
  usesDatabase: true,
  async source({ spec, database }) {
    // A query that the role may not run fails the job before any work is done.
    const { statement } = planTableQuery(await database.catalog(), spec);
    await describeColumns(database.database.pools.write, database.identity, statement);
    return singleItem();
  },
  cost: () => 0,
  async run(_item, context) {
    const { format = 'csv', spreadsheet = false } = context.spec;
    const planned = planTableQuery(await context.database!.catalog(), context.spec);
    return exportQuery(context, planned, { format, spreadsheet });
  },
});
