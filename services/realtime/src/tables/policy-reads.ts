import { errors } from '../errors.ts';
import { type ColumnCatalog, rowReads } from './column-catalog.ts';
import type { ColumnFacts, ImageReads } from './table-facts.ts';

/** The pg_attribute.attnum of tableoid. */
const TABLE_OID = -6;

interface PolicedTable {
  schema: string;
  table: string;
  kind: string;
  columns: readonly ColumnFacts[];
}

export function policyReads(policies: readonly { tree: string | null }[], table: PolicedTable): ImageReads {
  const numbers = new Set<number>();
  let whole = false;
  for (const { tree } of policies) {
    if (tree === null) continue;
    const reads = rowReads(tree);
    whole ||= reads?.whole ?? true;
    for (const number of reads?.numbers ?? []) numbers.add(number);
  }
  const system = [...numbers].filter((number) => number < 0);
  // Changes of partitions are published as those of their table, and do not name the partition.
  const tableOid = system.includes(TABLE_OID);
  const isKnown = !tableOid || (table.kind === 'r' && !whole);
  const columns = table.columns.filter(({ number }) => whole || numbers.has(number));
  const { schema, table: name } = table;
  if (!isKnown || system.length > (tableOid ? 1 : 0)) {
    throw errors.POLICY_READS_MORE({ schema, table: name, what: 'system columns' });
  }
  if (columns.some(({ published, sources }) => !published && !sources)) {
    throw errors.POLICY_READS_MORE({ schema, table: name, what: 'columns that are not published' });
  }
  return { columns: columns.map((column) => column.name), whole, tableOid };
}

/** Returns undefined where published rows lack one of the columns. */
export function sourcesOf(
  { generation }: ColumnCatalog,
  columns: readonly { number: number; name: string }[],
  published: ReadonlySet<string>,
): readonly number[] | undefined {
  const reads = generation && rowReads(generation.tree);
  if (!reads || reads.whole) return undefined;
  const given = new Set(columns.filter(({ name }) => published.has(name)).map(({ number }) => number));
  const sources = [...reads.numbers];
  return sources.every((number) => given.has(number)) ? sources : undefined;
}
