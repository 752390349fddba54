/**
 * Spreadsheets run a cell as a formula when its text begins with one of these characters; an apostrophe in front makes it text.
 * https://owasp.org/www-community/attacks/CSV_Injection
 */
import { identifier, type Statement } from '@tidemark/db';
import type { ResultType } from './describe.ts';

const STARTS = `('=', '+', '-', '@', e'\\t', e'\\r', e'\\n', '＝', '＋', '－', '＠')`;
const DANGEROUS = /^[=+\-@\t\r\n＝＋－＠]/;
/** Numbers, dates, intervals and booleans may begin with a sign, and are no formulas. */
const HARMLESS = new Set(['N', 'D', 'T', 'B']);

/** Returns the statement with guarded text and column names; all other values stay as they are. */
export function guardCells({ text, params }: Statement, columns: readonly ResultType[]): Statement {
  const names = columns.map((_, n) => `c${n}`);
  const outputs = columns.map(({ name, category }, n) => {
    const value = `"_g".${names[n]}`;
    const guarded = `case when left(${value}::text, 1) in ${STARTS} then '''' || ${value}::text else ${value}::text end`;
    return `${HARMLESS.has(category) ? value : guarded} as ${identifier(guardedName(name))}`;
  });
  const guarded = `select ${outputs.join(', ')} from (${text}\n) as "_g" (${names.join(', ')})`;
  return { text: guarded, ...(params && { params }) };
}

const guardedName = (name: string) =>
  DANGEROUS.test(name)
    ? Buffer.from(`'${name}`)
        .subarray(0, 63)
        .toString()
        .replace(/\ufffd$/, '')
    : name;
