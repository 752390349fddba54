/** The sections of a report with their statements, checked when the job is planned and made again when it runs. */
import type { Statement } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import { describeColumns, type ResultType } from '../tables/describe.ts';
import { planTableQuery } from '../tables/table-query.ts';
import { MARGIN, MIN_COLUMN, pageSize, type ReportChart, type ReportSpec } from './report-spec.ts';

interface Queried {
  heading: string | undefined;
  statement: Statement;
  columns: ResultType[];
}
export type Section =
  | { type: 'text'; heading: string | undefined; text: string }
  | (Queried & { type: 'table'; titles: Readonly<Record<string, string>> })
  | (Queried & { type: 'chart'; chart: ReportChart });

/** @throws BATCH_REPORT, BATCH_QUERY_REFUSED */
export async function planSections(context: DatabaseContext, spec: ReportSpec): Promise<Section[]> {
  const sections: Section[] = [];
  for (const [n, { heading, text, table, chart }] of spec.sections.entries()) {
    const refuse = (problem: string) => errors.REPORT({ section: n, problem });
    if ([text, table, chart].filter((part) => part !== undefined).length !== 1) {
      throw refuse('it has one of text, table and chart');
    }
    if (text !== undefined) sections.push({ type: 'text', heading, text });
    if (table) {
      const queried = await describe(context, heading, table);
      const most = Math.floor((pageSize(spec)[0] - 2 * MARGIN) / MIN_COLUMN);
      if (queried.columns.length > most) {
        throw refuse(`${queried.columns.length} columns do not fit on the page, which has room for ${most}`);
      }
      sections.push({ ...queried, type: 'table', titles: table.titles ?? {} });
    }
    if (chart) {
      const queried = await describe(context, heading, chart);
      const missing = [chart.x, ...chart.y].find((name) => !queried.columns.some((column) => column.name === name));
      if (missing !== undefined) throw refuse(`its query has no column "${missing}"`);
      sections.push({ ...queried, type: 'chart', chart });
    }
  }
  return sections;
}

async function describe(
  context: DatabaseContext,
  heading: string | undefined,
  query: { query: string; schema?: string | undefined },
): Promise<Queried> {
  const { statement } = planTableQuery(await context.catalog(), query);
  const columns = await describeColumns(context.database.pools.write, context.identity, statement);
  return { heading, statement, columns };
}
