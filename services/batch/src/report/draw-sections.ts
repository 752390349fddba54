/** Reads the rows of the sections, all of the job's snapshot, and has them drawn. */
import { errors } from '../errors.ts';
import type { ItemContext } from '../kinds/job-kind.ts';
import { asQueryError } from '../tables/table-query.ts';
import type { Drawing } from './drawn-report.ts';
import type { Cells, ToDrawing } from './messages.ts';
import type { Section } from './sections.ts';

const BATCH_ROWS = 100;
const MAX_ROWS = 50_000;
const MAX_POINTS = 1_000;
/** About six pages. */
const MAX_CELL = 20_000;

export interface ReportRows {
  rows: number;
  /** Cells that were longer than a cell may be. */
  cutCells: number;
  tidemark: string | undefined;
}

/** @throws BATCH_REPORT_ROWS, BATCH_QUERY_REFUSED */
export async function drawSections(
  context: ItemContext<unknown>,
  drawing: Drawing,
  sections: readonly Section[],
): Promise<ReportRows> {
  const total: ReportRows = { rows: 0, cutCells: 0, tidemark: undefined };
  for (const section of sections) {
    const { type, heading } = section;
    if (type === 'text') await drawing.draw({ type, heading, text: section.text });
    else if (type === 'table') await drawTable(context, drawing, section, total);
    else await drawing.draw(await chartOf(context, section, total));
  }
  await drawing.draw({ type: 'end' });
  return total;
}

async function drawTable(
  context: ItemContext<unknown>,
  drawing: Drawing,
  { heading, columns, titles, ...section }: Extract<Section, { type: 'table' }>,
  total: ReportRows,
): Promise<void> {
  const named = columns.map(({ name, category }) => ({
    title: Object.hasOwn(titles, name) ? titles[name]! : name,
    isNumber: category === 'N',
  }));
  let isFirst = true;
  for await (const rows of cellsOf(context, { columns, ...section }, total)) {
    total.rows += rows.length;
    if (total.rows > MAX_ROWS) throw errors.REPORT_ROWS({ limit: MAX_ROWS });
    await drawing.draw(isFirst ? { type: 'table', heading, columns: named, rows } : { type: 'rows', rows });
    isFirst = false;
  }
  if (isFirst) await drawing.draw({ type: 'table', heading, columns: named, rows: [] });
}

async function chartOf(
  context: ItemContext<unknown>,
  section: Extract<Section, { type: 'chart' }>,
  total: ReportRows,
): Promise<ToDrawing> {
  const { heading, chart, columns } = section;
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  const labels: string[] = [];
  const series = chart.y.map((name) => ({ name, values: [] as (number | null)[] }));
  for await (const rows of cellsOf(context, section, total)) {
    if (labels.length + rows.length > MAX_POINTS) throw errors.REPORT_POINTS({ limit: MAX_POINTS });
    for (const row of rows) {
      labels.push(row[at(chart.x)] ?? '');
      for (const { name, values } of series) values.push(numberOf(row[at(name)] ?? null, name));
    }
  }
  return { type: 'chart', heading, kind: chart.kind, labels, series };
}

/** NaN and the infinities have no place in a chart. */
function numberOf(text: string | null, column: string): number | null {
  if (text === null) return null;
  const number = Number(text);
  if (Number.isFinite(number)) return number;
  if (/^(NaN|-?Infinity)$/.test(text)) return null;
  throw errors.REPORT_NUMBER({ column, value: text.slice(0, 40) });
}

/** The values as Postgres writes them. */
async function* cellsOf(
  context: ItemContext<unknown>,
  { statement, columns }: Pick<Extract<Section, { type: 'table' }>, 'statement' | 'columns'>,
  total: ReportRows,
): AsyncGenerator<Cells[]> {
  const { job, signal, limits } = context;
  const { database, identity, snapshots } = context.database!;
  const { id: snapshot } = await snapshots.of(job);
  const names = columns.map((_, n) => `c${n}`);
  const outputs = names.map((name) => `left("_r".${name}::text, ${MAX_CELL + 1}) as ${name}`);
  const text = `select ${outputs.join(', ')} from (${statement.text}\n) as "_r" (${names.join(', ')})`;
  const from = { identity, snapshot, signal, timeoutMs: limits.itemMs, holder: { route: `job ${job}` } };
  const request = { ...from, statement: { ...statement, text }, size: BATCH_ROWS };
  try {
    for await (const { rows, proven } of database.streams.rowsInBatches(request)) {
      total.tidemark = proven;
      yield rows.map((row) => names.map((name) => cellOf(row[name] as string | null, total)));
    }
  } catch (error) {
    throw asQueryError(error);
  }
}

function cellOf(text: string | null, total: ReportRows): string | null {
  if (text === null || text.length <= MAX_CELL) return text;
  total.cutCells += 1;
  return `${text.slice(0, MAX_CELL).replace(/\p{Surrogate}$/u, '')}…`;
}
