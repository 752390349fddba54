/**
 * Tesseract, compiled to WebAssembly by tesseract.js. Its core is used without the worker threads of tesseract.js, because a worker
 * is a process already, and because those fetch languages that they miss from the internet.
 */
import { createRequire } from 'node:module';
import { languageModel } from './languages.ts';
import { isWasmAbort } from './wasm-abort.ts';

export interface GreyImage {
  pixels: Uint8Array;
  width: number;
  height: number;
}

export interface Recognized {
  text: string;
  /** Mean of the words, 0 to 100. */
  confidence: number;
  /** Tab-separated values, a row for each page, block, paragraph, line and word. */
  tsv: string;
}

interface Api {
  Init(path: null, languages: string, engine: number): number;
  SetVariable(name: string, value: string): boolean;
  SetImageFile(orientation: number, radians: number): number;
  Recognize(monitor: null): number;
  GetUTF8Text(): string;
  GetTSVText(page: number): string;
  MeanTextConf(): number;
  End(): void;
}

interface Core {
  FS: { writeFile(name: string, bytes: Uint8Array): void; unlink(name: string): void };
  TessBaseAPI: new () => Api;
  destroy(object: object): void;
}

const require = createRequire(import.meta.url);
/** The neural engine only; the models have no data for the old one. */
const LSTM = 1;
const INPUT = '/input';

let loading: Promise<Core> | undefined;
const models = new Set<string>();

function load(): Promise<Core> {
  // One build for all machines, so that a text does not depend on the processor.
  const create = require('tesseract.js-core/tesseract-core-simd-lstm') as (options: object) => Promise<Core>;
  const silent = () => {};
  loading ??= create({ TesseractProgress: silent, print: silent, printErr: silent });
  return loading;
}

/** Each image has a new engine, since one that has read other images may read this one in another way. */
export async function recognize(image: GreyImage, languages: readonly string[], dpi: number): Promise<Recognized> {
  const core = await load();
  for (const code of languages) {
    if (models.has(code)) continue;
    core.FS.writeFile(`${code}.traineddata`, await languageModel(code));
    models.add(code);
  }
  const api = new core.TessBaseAPI();
  try {
    if (api.Init(null, languages.join('+'), LSTM) !== 0) throw new Error(`no model of ${languages.join('+')}`);
    api.SetVariable('user_defined_dpi', String(dpi));
    core.FS.writeFile(INPUT, portableGreymap(image));
    if (api.SetImageFile(1, 0) === 1) throw new Error('the image was not read');
    api.Recognize(null);
    return { text: api.GetUTF8Text(), confidence: api.MeanTextConf(), tsv: api.GetTSVText(0) };
  } catch (error) {
    if (isWasmAbort(error)) {
      loading = undefined;
      models.clear();
    }
    throw error;
  } finally {
    if (loading) {
      api.End();
      core.destroy(api);
    }
  }
}

/** https://netpbm.sourceforge.net/doc/pgm.html: pixels without compression. */
function portableGreymap({ pixels, width, height }: GreyImage): Buffer {
  return Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), pixels]);
}
