import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runScript } from '@tidemark/db';
import { fontsOfPdf, imageOfPdf, pagesOfPdf } from '@tidemark/testing/poppler';
import sharp from 'sharp';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { runAsAda, showOwnRows } from './ada.ts';

const stack = await openBatchStack(t);
await stack.startBatch();
const folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-reports-'));
t.teardown(() => rm(folder, { recursive: true }));

await stack.query(
  'create table public.sales (id int8 primary key, owner text, area text, amount numeric(12, 2), note text)',
);
await stack.query(`
  insert into public.sales
  select n, case when n % 10 = 0 then 'bob' else 'ada' end, (array['Κύπρος', 'Россия', '日本', '한국', 'Zürich'])[1 + n % 5],
    n * 1.25, 'note ' || n from generate_series(1, 200) n`);
await showOwnRows(stack, 'public.sales');

/** The value of a report that failed is its error. */
async function report(spec: object) {
  const { id, job } = await runAsAda(stack, 'report.pdf', { title: 'Monthly report', ...spec });
  if (job.state !== 'succeeded') return { job, file: '', pages: [], value: job.error };
  const [output] = await stack.outputsOf(id);
  const file = path.join(folder, `${id}.pdf`);
  await writeFile(file, await stack.store.read(output!.storage_key, 1e9));
  const [item] = await stack.query('select value from tidemark.job_items where job_id = $1', [id]);
  return { job, file, output: output!, pages: await pagesOfPdf(file), value: item!.value };
}
const table = (query: string, more: object = {}) => ({ table: { query, ...more } });
const wordsOf = (page: string | undefined) => page!.trim().split(/\s+/);

t.test('a table breaks over pages with its header on each, and shows the rows of the submitter alone', async (t) => {
  const query = 'sales?select=id,area,amount,note&order=id';
  const { pages, value, output } = await report({ sections: [table(query, { titles: { amount: 'Amount in €' } })] });
  t.match(output, { content_type: 'application/pdf', path: /0-report\.pdf$/, owner: 'ada' });
  t.match(value, { rows: 180, pages: pages.length, boxes: 0, cutCells: 0, tidemark: /^\w+-/ });
  t.ok(pages.length > 2, `${pages.length} pages`);
  for (const [n, page] of pages.entries()) {
    t.match(page, /id area Amount in € note\n/, `the header is on page ${n + 1}`);
    t.match(page, new RegExp(`Monthly report\\s+Page ${n + 1}\\n`));
  }
  const rows = pages.join('\n').match(/^\d+ \S+ [\d.]+ note \d+$/gm);
  const areas = ['Κύπρος', 'Россия', '日本', '한국', 'Zürich'];
  const ids = Array.from({ length: 200 }, (_, n) => n + 1).filter((n) => n % 10 !== 0);
  t.same(
    rows,
    ids.map((n) => `${n} ${areas[n % 5]} ${(n * 1.25).toFixed(2)} note ${n}`),
    'every row is there once, in order',
  );
});

t.test(
  'Latin, Greek, Cyrillic, Chinese, Japanese and Korean are embedded as subsets, and unknown characters are boxes',
  async (t) => {
    const text = 'Ünïcödé Ελληνικά Русский 漢字 汉字 ひらがな カタカナ 한국어 e\u0301';
    const { pages, value, file, output } = await report({
      sections: [{ heading: 'Scripts', text }, { text: 'हिन्दी and 𓀀' }],
    });
    t.same(wordsOf(pages[0]).slice(2, -4), ['Scripts', ...text.normalize('NFC').split(' '), '□□□□□□', 'and', '□']);
    t.match(value, { boxes: 7, boxed: ['U+0939', 'U+093F', 'U+0928', 'U+094D', 'U+0926', 'U+0940', 'U+13000'] });
    const fonts = await fontsOfPdf(file);
    t.equal(fonts.length, 4);
    for (const font of fonts) t.match(font, /^[A-Z]{6}\+.* yes yes yes /, 'embedded, a subset, with its Unicode');
    t.ok(output!.size < 200_000, `${output!.size} bytes`);
  },
);

t.test('a row that is taller than a page is continued, and none of it is lost', async (t) => {
  await runScript(
    stack.databaseUrl,
    `
    create table public.tall (id int primary key, owner text, body text);
    insert into public.tall select n, 'ada',
      case n when 2 then (select string_agg('line ' || i, e'\\n' order by i) from generate_series(1, 150) i)
             when 4 then repeat('x', 3000) else 'short ' || n end
    from generate_series(1, 5) n`,
  );
  await showOwnRows(stack, 'public.tall');
  const { pages, value } = await report({ sections: [table('tall?select=id,body&order=id')] });
  t.match(value, { rows: 5 });
  const lines = pages.join('\n').match(/line \d+/g);
  t.same(
    lines,
    Array.from({ length: 150 }, (_, n) => `line ${n + 1}`),
  );
  t.equal(pages.join('').match(/x/g)!.length, 3_000, 'a word without blanks is broken');
  t.match(pages.at(-1), /5 short 5/);
});

t.test('charts show each series, and their axes have round numbers', async (t) => {
  const query = 'sales?select=area,total:amount.sum(),least:amount.min()&order=area';
  const { pages, file, value } = await report({
    landscape: true,
    sections: [
      { heading: 'Lines', chart: { kind: 'line', query, x: 'area', y: ['total', 'least'] } },
      { heading: 'Bars', chart: { kind: 'bar', query, x: 'area', y: ['total'] } },
    ],
  });
  t.match(value, { pages: 2, rows: 0 });
  t.match(pages[0], /Lines\ntotal least\n/);
  for (const area of ['Κύπρος', 'Россия', '日本', 'Zürich']) t.ok(pages[0]!.includes(area), area);
  t.match(pages[1], /\b0\b[\s\S]*\b2000\b[\s\S]*\b4000\b/);
  const { data, info } = await sharp(await imageOfPdf(file, 2))
    .raw()
    .toBuffer({ resolveWithObject: true });
  t.ok(info.width > info.height, 'landscape');
  let blue = 0;
  for (let at = 0; at < data.length; at += info.channels) {
    if (data[at]! < 40 && Math.abs(data[at + 1]! - 0x72) < 20 && data[at + 2]! > 150) blue += 1;
  }
  t.ok(blue > 0.05 * info.width * info.height, `bars cover ${blue} points`);
});

t.test('without rows a table has its header and says so', async (t) => {
  const chart = { kind: 'bar', query: 'sales?select=area,id&id=eq.0', x: 'area', y: ['id'] };
  const { pages, value } = await report({ sections: [table('sales?id=eq.0&select=id,note'), { chart }] });
  t.match(pages[0], /id note\nNo rows\.\nNo rows\.\n/);
  t.match(value, { rows: 0, pages: 1 });
});

t.test('refuses by name what it cannot draw', async (t) => {
  const refused = async (...sections: object[]) => {
    const { job } = await report({ sections });
    t.equal(job.state, 'failed');
    return job.total === 0 ? job.error : job.error.items[0];
  };
  const text = { heading: 'Hebrew', text: 'before שלום' };
  t.match(await refused(text), { code: 'BATCH_REPORT_RIGHT_TO_LEFT', message: /"before שלום" has U\+05E9/ });
  t.match(await refused({ heading: 'nothing' }), { code: 'BATCH_REPORT', message: /section 1 .*one of text/ });
  const wide = Array.from({ length: 20 }, (_, n) => `c${n}:id`).join(',');
  t.match(await refused({ text: 'a' }, table(`sales?select=${wide}`)), {
    message: /section 2 .*20 columns.*room for 15/,
  });
  t.match(await refused(table('absent')), { code: 'BATCH_QUERY_REFUSED', message: /absent/ });
  const chart = (x: string, y: string) => ({ chart: { kind: 'line', query: 'sales?select=area,id', x, y: [y] } });
  t.match(await refused(chart('area', 'nope')), { code: 'BATCH_REPORT', message: /no column "nope"/ });
  t.match(await refused(chart('id', 'area')), { code: 'BATCH_REPORT_NUMBER', message: /of the column "area"/ });
  await stack.query(`insert into public.sales select n, 'ada', null, n, null from generate_series(1001, 51000) n`);
  t.match(await refused(table('sales?select=id')), { code: 'BATCH_REPORT_ROWS', message: /50000/ });
});
