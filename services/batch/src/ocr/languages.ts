/** The languages whose models are installed: the packages `@tesseract.js-data/<code>`. Nothing is downloaded. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const SCOPE = '@tesseract.js-data';
/** Whole-number models of the best quality, of 3 MB a language; the folder beside them has larger ones for the old engine. */
const MODELS = '4.0.0_best_int';

const require = createRequire(import.meta.url);

/** Codes as in tesseract: eng, deu, chi_sim. */
export function installedLanguages(): string[] {
  const folders = require.resolve.paths(`${SCOPE}/eng`) ?? [];
  const codes = folders.flatMap((folder) => {
    try {
      return readdirSync(path.join(folder, SCOPE));
    } catch {
      return [];
    }
  });
  return [...new Set(codes)].sort();
}

export async function languageModel(code: string): Promise<Buffer> {
  const folder = path.dirname(require.resolve(`${SCOPE}/${code}/package.json`));
  return promisify(gunzip)(await readFile(path.join(folder, MODELS, `${code}.traineddata.gz`)));
}
