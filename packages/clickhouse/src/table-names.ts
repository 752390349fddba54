import { errors } from './errors.ts';
import type { TableName } from './source-table.ts';

const PART = String.raw`(?:"((?:[^"]|"")+)"|([^".,\s]+))`;
const NAME = new RegExp(String.raw`\s*${PART}\.${PART}\s*(?:,|$)`, 'y');

/** Parses `corpus.records,"Odd.schema"."a table"`: quotes as in SQL, and case counts without them, too. @throws CLICKHOUSE_INVALID_TABLE */
export function parseTableNames(text: string): TableName[] {
  const names = new Map<string, TableName>();
  NAME.lastIndex = 0;
  for (let at = 0; at < text.length; at = NAME.lastIndex) {
    const found = NAME.exec(text);
    if (!found) throw errors.INVALID_TABLE({ value: text.slice(at) });
    const part = (quoted: string | undefined, plain: string | undefined) =>
      quoted?.replaceAll('""', '"') ?? (plain as string);
    const name = { schema: part(found[1], found[2]), table: part(found[3], found[4]) };
    names.set(JSON.stringify(name), name);
  }
  if (names.size === 0) throw errors.INVALID_TABLE({ value: text });
  return [...names.values()];
}
