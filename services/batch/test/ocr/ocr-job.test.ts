import { readFile } from 'node:fs/promises';
import { metricsPage } from '@tidemark/testing';
import { pdfOf } from '@tidemark/testing/media';
import sharp from 'sharp';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { addPoison, POISON_CODES } from '../poison-files.ts';
import { edits, imageOf } from './documents.ts';

const stack = await openBatchStack(t);
const batch = await stack.startBatch({ BATCH_MEMORY_MB: '1024', BATCH_MAX_PIXELS: '40000000' });

async function read(spec: object, withinMs = 60_000) {
  const id = await stack.insertJob(spec, { kind: 'ocr' });
  const job = await stack.ended(id, withinMs);
  const items = await stack.query(
    'select index, value, code, input, error from tidemark.job_items where job_id = $1 order by index',
    [id],
  );
  return { id, job, items };
}

const LINES = [
  'The quick brown fox jumps over the lazy dog.',
  'Invoice number 4711 of 17 March 2026,',
  'total amount 1,234.56 EUR including tax.',
  'Please pay within thirty days to the account below.',
  'Sphinx of black quartz, judge my vow!',
];

t.test('at least 98 % of the characters of an image are right, whatever was read before it', async (t) => {
  const files = [];
  for (const [n, dpi] of [150, 200].entries()) {
    files.push(await stack.addFile(`texts/${n}.png`, await imageOf(LINES, dpi)));
    files.push(
      await stack.addFile(`texts/other-${n}.png`, await imageOf([`Other words ${n}: zephyr, oblong`, 'AB-99812'], 100)),
    );
  }
  const once = await read({ input: { files } });
  t.match(once.job, { state: 'succeeded' });
  const text = LINES.join('\n');
  for (const n of [0, 2]) {
    const { value } = once.items[n]!;
    const wrong = edits(value.text.trim(), text);
    t.ok(wrong <= text.length * 0.02, `${wrong} of ${text.length} characters are wrong`);
    t.ok(value.confidence > 80);
  }
  const again = await read({ input: { files: files.toReversed() } });
  t.same(
    again.items.map(({ value }) => value.text).reverse(),
    once.items.map(({ value }) => value.text),
  );
  const output = (await stack.outputsOf(once.id)).find(({ path }) => path.includes('/000000-'))!;
  const words = JSON.parse(String(await stack.store.read(output.storage_key, 1e7))).words as {
    text: string;
    box: number[];
  }[];
  t.match(words[1], { text: 'quick', line: [1, 1, 1] });
  const [left, top, width, height] = words[1]!.box as [number, number, number, number];
  // Its position is 82 points from the left and 62 from the top, at 150 dpi.
  t.ok(left > 155 && left < 185 && top > 90 && top < 120, `${words[1]!.box}`);
  t.ok(width > 65 && width < 90 && height > 20 && height < 40, `${words[1]!.box}`);
});

t.test(
  'each page of a PDF is an item, also of a PDF under another name, and dpi go down for a large page',
  async (t) => {
    await stack.addFile(
      'pdfs/a.pdf',
      pdfOf([['First page of three'], ['Second page of three'], ['Third page of three']]),
    );
    await stack.addFile('pdfs/b.txt', pdfOf([['Large poster']], '0 0 2400 2400'), { contentType: 'text/plain' });
    await stack.addFile('pdfs/c.png', await imageOf(['No document']));
    const { job, items } = await read({ input: { prefix: 'pdfs/' } });
    t.match(job, { state: 'succeeded', total: 5, done: 5 });
    t.match(
      items.map(({ value }) => value),
      [
        { text: /^First page of three/, page: 1, pages: 3, dpi: 300 },
        { text: /^Second page/, page: 2 },
        { text: /^Third page/, page: 3 },
        { page: 1, pages: 1 },
        { text: /^No document/ },
      ],
    );
    const { dpi, width, height } = items[3]!.value;
    t.ok(dpi < 300 && width * height <= 12_000_000, `${dpi} dpi, ${width} × ${height}`);
  },
);

t.test('a document of 500 pages becomes 500 items', async (t) => {
  await stack.addFile('long.pdf', pdfOf(Array.from({ length: 500 }, (_, n) => [`Page ${n + 1}`])));
  const id = await stack.insertJob({ input: { prefix: 'long' }, dpi: 72 }, { kind: 'ocr' });
  const total = async () => (await stack.job(id)).total === 500;
  for (let n = 0; n < 500 && !(await total()); n += 1) await new Promise((resolve) => setTimeout(resolve, 20));
  t.match(await stack.job(id), { total: 500, planned_all: true });
  await stack.query('select tidemark.cancel_job($1)', [id]);
});

t.test('encrypted and damaged documents fail by name, and an empty password is none', async (t) => {
  const fixture = (name: string) => readFile(new URL(`./${name}.pdf`, import.meta.url));
  const good = pdfOf([['Good']]);
  await stack.addFile('bad/1-locked.pdf', await fixture('locked'));
  await stack.addFile('bad/2-open.pdf', await fixture('empty-password'));
  await stack.addFile('bad/3-cut.pdf', good.subarray(0, 100));
  await stack.addFile('bad/4-header.pdf', Buffer.from('%PDF-1.7\nnothing'));
  await stack.addFile('bad/5-no-pages.pdf', pdfOf([]));
  const { items } = await read({ input: { prefix: 'bad/' }, dpi: 150 });
  t.same(
    items.map(({ code }) => code),
    ['BATCH_PDF_LOCKED', null, 'BATCH_PDF_DAMAGED', 'BATCH_PDF_DAMAGED', 'BATCH_PDF_DAMAGED'],
  );
  t.match(items[1]!.value.text, /Opens without a password/);
});

t.test('poison images fail alone, each with its reason, and odd ones are read', async (t) => {
  await addPoison(stack, 'poison/');
  const png = await imageOf(LINES.slice(0, 1));
  await stack.addFile(
    'poison/zb-turned.jpg',
    await sharp(png).rotate(90).withMetadata({ orientation: 8 }).jpeg().toBuffer(),
  );
  await stack.addFile('poison/zc-cmyk.jpg', await sharp(png).toColourspace('cmyk').jpeg().toBuffer());
  const { job, items } = await read({ input: { prefix: 'poison/' } });
  t.match(job, { state: 'partly_failed' });
  const codes = Object.fromEntries(job.error.items.map((e: { name: string; code: string }) => [e.name, e.code]));
  // 49 megapixels are too many here; the limit of memory is another test's.
  t.same(codes, { ...POISON_CODES, 'z5-large.png': 'BATCH_TOO_MANY_PIXELS' });
  for (const { value } of items.slice(-2)) t.match(value.text, /quick brown fox/);
  const page = await metricsPage(batch.url);
  t.ok(Number(/^process_resident_memory_bytes\S* (\d+)/m.exec(page)?.[1]) < 600 * 1024 ** 2);
});

t.test('a language without a model is refused when the job is planned', async (t) => {
  const { job } = await read({ input: { prefix: 'texts/' }, languages: ['eng', 'tlh'] });
  t.match(job, {
    state: 'failed',
    total: 0,
    error: { code: 'BATCH_LANGUAGE_MISSING', message: /tlh/, hint: /deu, eng/ },
  });
  const file = await stack.addFile('umlaut.png', await imageOf(['Größe und Maß der Brücke']));
  const german = await read({ input: { files: [file] }, languages: ['deu', 'eng'] });
  t.match(german.items[0]!.value.text, /Größe und Maß der Brücke/);
});
