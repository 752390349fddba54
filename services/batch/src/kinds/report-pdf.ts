/** A PDF of texts, tables and charts, whose rows are those that the submitter may see. */
import { drawSections } from '../report/draw-sections.ts';
import { startDrawing } from '../report/drawn-report.ts';
import { reportSpec } from '../report/report-spec.ts';
import { planSections } from '../report/sections.ts';
import { defineKind, type ItemContext, type ItemResult } from './job-kind.ts';
import { singleItem } from './single-item.ts';

/** Half an hour: 50,000 rows take less than a minute. */
const MAX_MS = 1_800_000;

export default defineKind({
  name: 'report.pdf',
  version: 1,
  spec: reportSpec,
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: MAX_MS, isWholeJob: true },
  runsOn: 'main',
  usesDatabase: true,
  async source({ spec, database }) {
    await planSections(database, spec);
    return singleItem();
  },
  cost: () => 0,
  run(_item, context) {
    const { reports, identity } = context.database!;
    return reports.run(() => writeReport(context), `${identity.role} ${identity.claims}`);
  },
});

async function writeReport(context: ItemContext<Parameters<typeof startDrawing>[0]>): Promise<ItemResult> {
  const { spec, signal } = context;
  const sections = await planSections(context.database!, spec);
  const drawing = startDrawing(spec, signal);
  try {
    const storing = context.store(drawing.content, {
      contentType: 'application/pdf',
      extension: 'pdf',
      name: 'report',
    });
    const [stored, rows, drawn] = await Promise.all([
      storing,
      drawSections(context, drawing, sections).catch((error: Error) => {
        drawing.content.destroy(error);
        throw error;
      }),
      drawing.done,
    ]);
    const { size: bytes, sha256 } = stored;
    return { files: [stored], value: { ...drawn, ...rows, bytes, sha256 } };
  } finally {
    await drawing.close();
  }
}
