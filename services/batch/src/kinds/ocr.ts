/** Reads the text of images and of the pages of PDF documents. */
import { FileInputs, OcrOptions } from '@tidemark/contracts';
import { type Static, Type } from 'typebox';
import { errors } from '../errors.ts';
import { probe } from '../images/probe.ts';
import { installedLanguages } from '../ocr/languages.ts';
import { countPages, isPdf } from '../ocr/pdf.ts';
import { imageBytes, type OcrText, pageBytes, readImage, readPage } from '../ocr/read-document.ts';
import { fileSource } from './file-source.ts';
import { defineKind, type FileInput, type Item, type ItemContext, type ItemResult } from './job-kind.ts';

const OcrSpec = Type.Object({ input: FileInputs, ...OcrOptions.properties }, { additionalProperties: false });
type OcrSpec = Static<typeof OcrSpec>;

interface OcrInput extends FileInput {
  /** Number of the page, from 1; absent: an image, or a document whose pages could not be counted. */
  page?: number;
}
type Context = ItemContext<OcrSpec>;

const DEFAULT_LANGUAGES = ['eng'];
const DEFAULT_DPI = 300;
/** The rest of an item's value has room beside it. */
const MAX_VALUE_CHARACTERS = 16_384;

export default defineKind({
  name: 'ocr',
  version: 1,
  spec: OcrSpec,
  item: { input: 'file', keepsSuccesses: true },
  limits: { itemMs: 120_000 },
  runsOn: 'thread',
  async source(context, cursor, limit) {
    checkLanguages(context.spec);
    return fileSource(context, cursor, limit);
  },
  expands: { applies: isPdf, step: 'pages' },
  steps: {
    pages: {
      cost: async (_item: Item<OcrInput>, context: Context) => 2 * (await context.read()).length,
      async run({ input, name }: Item<OcrInput>, context: Context): Promise<OcrInput[]> {
        const pages = await countPages(await context.read(), name);
        return Array.from({ length: pages }, (_, n) => ({ ...input, page: n + 1 }));
      },
    },
  },
  async cost(item, context) {
    const bytes = await context.read();
    if (isPdf(bytes)) return pageBytes(bytes.length);
    return imageBytes(await probe(bytes, item.name, context.limits.pixels));
  },
  async run(item: Item<OcrInput>, context): Promise<ItemResult> {
    checkLanguages(context.spec);
    const { languages = DEFAULT_LANGUAGES, dpi = DEFAULT_DPI } = context.spec;
    const bytes = await context.read();
    const { name, input } = item;
    if (!isPdf(bytes)) {
      const facts = await probe(bytes, name, context.limits.pixels);
      return resultOf(item, await readImage({ bytes, name, facts }, languages));
    }
    const { page = await onlyPage(bytes, name) } = input;
    return resultOf(item, await readPage({ bytes, name }, { page, dpi }, languages));
  },
});

/** A document of several pages that was not expanded must not pass for its first page. */
async function onlyPage(bytes: Buffer, name: string): Promise<number> {
  const pages = await countPages(bytes, name);
  if (pages > 1) throw errors.PDF_NOT_EXPANDED({ name, pages });
  return 1;
}

/** @throws BATCH_LANGUAGE_MISSING */
function checkLanguages({ languages = DEFAULT_LANGUAGES }: Pick<OcrSpec, 'languages'>): void {
  const installed = installedLanguages();
  const missing = languages.filter((code) => !installed.includes(code));
  if (missing.length > 0) throw errors.LANGUAGE_MISSING({ missing, installed });
}

function resultOf({ input, name }: Item<OcrInput>, read: OcrText): ItemResult {
  const { words, text, ...figures } = read;
  const stem = input.page === undefined ? name : `${name}-page-${input.page}`;
  const file = {
    bytes: Buffer.from(JSON.stringify(read)),
    contentType: 'application/json',
    extension: 'json',
    name: stem,
    metadata: { source: input.file, ...figures },
  };
  const shown = text.length <= MAX_VALUE_CHARACTERS ? { text } : { characters: text.length };
  return { files: [file], value: { ...figures, words: words.length, ...shown } };
}
