/**
 * Values are read from the text that Postgres printed, by their types' input functions. JSON is not enough: it has no
 * array bounds, one kind of null, and for some types no form that can be read.
 */
import { arrayLiteral, identifier, literal } from '@tidemark/db';
import type { RowImage } from '../changes/row-image.ts';
import type { ColumnFacts, ImageReads, TableFacts } from './table-facts.ts';

type Table = Pick<TableFacts, 'schema' | 'table' | 'oid' | 'columns'>;

const ORD = '"tidemark ord"';

/** Policies with a subquery refer to the columns by the alias, which is the name of the table. */
export const imagesFrom = (table: Table, reads: ImageReads): string => prepared(table, reads).text;

interface Prepared {
  given: readonly ColumnFacts[];
  text: string;
}

/** The statement of a table's policies runs for each batch of changes. */
const known = new WeakMap<ImageReads, Prepared>();

function prepared(table: Table, reads: ImageReads): Prepared {
  let found = known.get(reads);
  if (!found) {
    const { given, computed } = partsOf(table, reads.columns);
    found = { given, text: selectImages(table, reads, given, computed) };
    known.set(reads, found);
  }
  return found;
}

function selectImages(
  table: Table,
  reads: ImageReads,
  given: readonly ColumnFacts[],
  computed: readonly ColumnFacts[],
): string {
  const name = identifier(table.table);
  const texts = given.map((_, n) => textName(n));
  const arrays =
    given.length > 0
      ? given.map(({ sql }, n) => `$${n + 1}::${sql.nameable ? sql.carrier : 'text'}[]`)
      : ['$1::text[]'];
  const names = [...(given.length > 0 ? texts : [textName(0)]), ORD];
  const values = given.map(
    (column, n) => `${valueSql(table, column, texts[n] as string)} as ${identifier(column.name)}`,
  );
  if (reads.tableOid) values.push(`${table.oid}::oid as tableoid`);
  let from = `(select ${[ORD, ...values].join(', ')}
  from unnest(${arrays.join(', ')}) with ordinality as "tidemark images" (${names.join(', ')})) as ${name}`;
  if (computed.length > 0) {
    const expressions = computed.map((column) => `${generationSql(column)} as ${identifier(column.name)}`);
    from = `(select *, ${expressions.join(', ')} from ${from}) as ${name}`;
  }
  if (reads.whole) {
    const columns = table.columns.map((column) => identifier(column.name)).join(', ');
    const type = `${identifier(table.schema)}.${name}`;
    from = `(select ${ORD}, row(${columns})::${type} as "tidemark row" from ${from}) as "tidemark rows"
cross join lateral unnest(array["tidemark row"]) as ${name}`;
  }
  return `select ${ORD}::int as ord from ${from}`;
}

export function imageParams(table: Table, reads: ImageReads, images: readonly RowImage[]): string[] {
  const { given } = prepared(table, reads);
  if (given.length === 0) return [arrayLiteral(images.map(() => null))];
  return given.map(({ name }) => arrayLiteral(images.map((image) => image.postgresText(name))));
}

export const givenColumns = (table: Pick<TableFacts, 'columns'>, columns: readonly string[]): string[] =>
  partsOf(table, columns).given.map(({ name }) => name);

function partsOf({ columns }: Pick<TableFacts, 'columns'>, read: readonly string[]) {
  const wanted = columns.filter(({ name }) => read.includes(name));
  const computed = wanted.filter(({ published }) => !published);
  const sources = new Set([
    ...wanted.filter(({ published }) => published).map(({ number }) => number),
    ...computed.flatMap(({ sources }) => sources ?? []),
  ]);
  return { computed, given: columns.filter(({ number }) => sources.has(number)) };
}

const textName = (n: number): string => `"tidemark ${n}"`;

function valueSql(table: Table, { name, sql }: ColumnFacts, text: string): string {
  // Where the role may not use the type's schema, the table's row type stands in. Unlike the cast, it checks domains.
  if (!sql.nameable) {
    const member = `jsonb_build_object(${literal(name)}, ${text})`;
    return `(jsonb_populate_record(null::${identifier(table.schema)}.${identifier(table.table)}, ${member})).${identifier(name)}`;
  }
  const cast = `${text}::${sql.cast}`;
  return sql.collation === null ? cast : `(${cast}) collate ${sql.collation}`;
}

function generationSql({ sql }: ColumnFacts): string {
  const { expression = 'null', collation = null } = sql.generation ?? {};
  return collation === null ? `(${expression})` : `(${expression}) collate ${collation}`;
}
