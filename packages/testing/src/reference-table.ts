/** Tables in Markdown that tests compare with the code, and write with `UPDATE=1`. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The head of the rows of `environmentRows`. */
export const ENVIRONMENT = ['variable', 'default', 'meaning'];

/** Returns a row for each variable of a configuration schema; `leftOut` are listed elsewhere. */
export function environmentRows(schema: { readonly properties: object }, leftOut: object = {}): string[][] {
  const own = Object.entries(schema.properties).filter(([name]) => !(name in leftOut));
  return own.map(([name, { default: value, description }]: [string, { default?: unknown; description?: string }]) => {
    const shown = value === undefined ? 'required' : value === '' ? '–' : `\`${String(value)}\``;
    return [`\`${name}\``, shown, description ?? '–'];
  });
}

export interface ReferenceTable {
  readonly file: URL;
  /** The heading of level 2 above the table. */
  readonly heading: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Asserts that the first table below the heading has these rows, or writes them with `UPDATE=1`. */
export function checkTable(
  t: { equal(found: unknown, wanted: unknown, message: string): unknown },
  { file, heading, head, rows }: ReferenceTable,
): void {
  const text = readFileSync(file, 'utf8');
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const wanted = [head, head.map(() => '---'), ...rows].map(line).join('');
  const table = new RegExp(`(?<=^## ${heading}\\n(?:(?!^## |^\\|).*\\n)*)(?:^\\|.*\\n)+`, 'm');
  if (process.env.UPDATE)
    writeFileSync(
      file,
      text.replace(table, () => wanted),
    );
  else t.equal(table.exec(text)?.[0], wanted, 'UPDATE=1 writes the table');
}
