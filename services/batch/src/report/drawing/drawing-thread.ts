/** The thread that draws a report. Messages are drawn one after another; bytes of finished pages leave at once. */
import { parentPort, workerData } from 'node:worker_threads';
import type { FromDrawing, ToDrawing } from '../messages.ts';
import { pageSize, type ReportSpec } from '../report-spec.ts';
import { CHART_ROOM, drawChart } from './chart.ts';
import { nameOf } from './fonts.ts';
import { Pages } from './pages.ts';
import { RightToLeft } from './right-to-left.ts';
import { Table } from './table.ts';

const spec = workerData as Pick<ReportSpec, 'title' | 'page' | 'landscape'>;
const post = (message: FromDrawing) => parentPort!.postMessage(message);
const pages = new Pages(spec.title, pageSize(spec));
let table: Table | undefined;

pages.doc.on('data', (bytes: Uint8Array) => post({ type: 'bytes', bytes }));
pages.doc.on('end', () => {
  const { boxes, boxed } = pages.fonts;
  post({ type: 'done', summary: { pages: pages.count, boxes, boxed: [...boxed] } });
});

parentPort!.on('message', (message: ToDrawing) => {
  try {
    if (message.type !== 'rows') endTable();
    draw(message);
    // The bytes that are ready leave before the answer.
    setImmediate(() => post({ type: 'drawn' }));
  } catch (error) {
    if (!(error instanceof RightToLeft)) throw error;
    post({ type: 'refused', character: nameOf(error.character), text: error.text.slice(0, 60) });
  }
});

let isTitled = false;
function drawTitle(): void {
  if (isTitled) return;
  isTitled = true;
  pages.paragraph(spec.title, 18, 'bold');
  pages.y += 10;
}

function draw(message: ToDrawing): void {
  drawTitle();
  switch (message.type) {
    case 'text':
      heading(message.heading, 30);
      pages.paragraph(message.text, 10);
      pages.y += 10;
      return;
    case 'table':
      heading(message.heading, 70);
      table = new Table(pages, message.columns, message.rows);
      for (const row of message.rows) table.add(row);
      return;
    case 'rows':
      for (const row of message.rows) table!.add(row);
      return;
    case 'chart':
      pages.ensure(CHART_ROOM + (message.heading ? 24 : 0));
      heading(message.heading, 0);
      drawChart(pages, message);
      return;
    case 'end':
      pages.end();
  }
}

/** Draws a heading on the same page as the `follows` points below it. */
function heading(text: string | undefined, follows: number): void {
  if (!text) return;
  pages.ensure(24 + follows);
  pages.paragraph(text, 12, 'bold');
  pages.y += 4;
}

function endTable(): void {
  table?.end();
  table = undefined;
}
