/** Memory of an instance that has read, segmented and transformed documents of all sorts. */
import { pdfOf } from '@tidemark/testing/media';
import sharp from 'sharp';
import { atMost, type Finding, type Trial } from '../../lab/trial.ts';
import { megabytes } from '../../measuring/statistics.ts';
import { pause } from '../../measuring/waiting.ts';
import { type ImageFile, nameImages, storeContent, storeImages } from '../image-files.ts';
import { treeBytes } from '../process-tree.ts';
import { type BatchServices, startBatchServices } from '../services.ts';

const DOCUMENTS = { quick: 12, full: 1_000 };
const REST_MS = { quick: 100, full: 60_000 };
const TARGET = { quick: 10, full: 1.1 };

export const documents: Trial = {
  name: 'documents',
  claim: 'a minute after 1,000 documents of all sorts, an instance has at most 1.1 times the memory of before',
  limitMs: 3_600_000,
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context);
    const photos = await storeImages(services.filesDir, [320, 800, 1_280]);
    const texts = await storeTexts(services);
    // The first of each kind load their code and models.
    await work(services, 'warm', photos, texts, 6);
    await pause(REST_MS[mode]);
    const before = treeBytes(services.batch.pid);
    await work(services, 'in', photos, texts, DOCUMENTS[mode]);
    const ended = treeBytes(services.batch.pid);
    await pause(REST_MS[mode]);
    const after = treeBytes(services.batch.pid);
    context.log(`${megabytes(before)} before, ${megabytes(ended)} at the end, ${megabytes(after)} later`);
    return [atMost('times the memory before', TARGET[mode], after / before)];
  },
};

/** PDFs of a page, and images of text. */
async function storeTexts({ filesDir }: BatchServices): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  for (let n = 0; n < 4; n += 1) {
    const lines = Array.from({ length: 4 + 6 * n }, (_, line) => `Document ${n}, line ${line}: some words to read`);
    files.push(await storeContent(filesDir, pdfOf([lines])));
    const rows = lines.map((line, row) => `<text x="20" y="${40 + row * 40}" font-size="28">${line}</text>`);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="${60 + lines.length * 40}">${rows.join('')}</svg>`;
    const image = sharp(Buffer.from(svg)).flatten({ background: 'white' });
    files.push(await storeContent(filesDir, await image.png().toBuffer()));
  }
  return files;
}

/** A third of the documents for each kind, at the same time. */
async function work(
  services: BatchServices,
  name: string,
  photos: readonly ImageFile[],
  texts: readonly ImageFile[],
  count: number,
): Promise<void> {
  const share = Math.floor(count / 3);
  await nameImages(services, photos, `${name}-photos/`, share);
  await nameImages(services, texts, `${name}-texts/`, count - 2 * share);
  const input = { prefix: `${name}-photos/` };
  const jobs = await Promise.all([
    services.submit('image.transform', { input, transform: { resize: { width: 200 }, format: 'webp' } }),
    services.submit('image.segment', { input }),
    services.submit('ocr', { input: { prefix: `${name}-texts/` }, dpi: 200 }),
  ]);
  const items = [share, share, count - 2 * share];
  await Promise.all(jobs.map((job, n) => services.seconds(job, items[n]!)));
}
