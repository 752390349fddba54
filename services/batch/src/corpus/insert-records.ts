/** The template → one statement that makes and writes the records of a slice. */
import { identifier } from '@tidemark/db';
import type { Catalog, Column, Relation } from '@tidemark/plan';
import type { Static } from 'typebox';
import { errors } from '../errors.ts';
import { findTable } from '../tables/table-query.ts';
import type { corpusSpec, TemplateValue } from './template.ts';
import { type Compiler, elements, valueSql } from './value-sql.ts';

type CorpusSpec = Static<typeof corpusSpec>;

export interface RecordsInsert {
  /** $1: the number of the first record, $2: of the last. Settings `tidemark.reference_<n>` have the values of references. */
  text: string;
  references: { query: string; schema?: string }[];
}

/** @throws BATCH_TEMPLATE, or an error of the catalog for an unknown table; see asQueryError */
export function recordsInsert(catalog: Catalog, { table, schema, seed, template }: CorpusSpec): RecordsInsert {
  const { relation } = findTable(catalog, { query: encodeURIComponent(table), schema });
  const references: RecordsInsert['references'] = [];
  const compiler: Compiler = {
    seed,
    refer: (query) => references.push({ ...(schema !== undefined && { schema }), ...query }) - 1,
  };
  const columns = Object.entries(template).map(([name, value]) => {
    const column = relation.columns.get(name);
    if (!column) throw errors.TEMPLATE({ path: `/${name}`, problem: `"${table}" has no such column` });
    return { name, sql: columnSql(column, value, compiler) };
  });
  const names = columns.map(({ name }) => identifier(name)).join(', ');
  const values = columns.map(({ sql }) => sql).join(', ');
  const text = `insert into ${nameOf(relation)} (${names}) select ${values} from pg_catalog.generate_series($1::int8, $2::int8) as "r" ("n")`;
  return { text, references };
}

const nameOf = ({ schema, name }: Relation) => `${identifier(schema)}.${identifier(name)}`;

/** The type without its modifier, because a cast to `varchar(3)` would cut a text that an assignment refuses. */
function columnSql({ name, bareType, isJson }: Column, value: TemplateValue, compiler: Compiler): string {
  const place = { seed: compiler.seed, path: `/${name}`, record: '"r"."n"', positions: [] };
  if (value.array && !isJson && bareType.endsWith('[]') && value.nulls === undefined) {
    const { from, of } = elements(value.array, place, compiler);
    const type = bareType.slice(0, -2);
    const element = of.native?.types.includes(type) ? of.native.sql : `(${of.text})::${type}`;
    return `array(select ${element} from ${from})`;
  }
  const { text, json, native } = valueSql(value, place, compiler);
  if (isJson) return `pg_catalog.to_jsonb(${json})::${bareType}`;
  return native?.types.includes(bareType) ? `(${native.sql})::${bareType}` : `(${text})::${bareType}`;
}
