/**
 * The statement reads one row more than asked for, to know whether there is a next page. A page is found by one range
 * of an index, however far back it lies, if the order has one direction and no null comes after the values.
 */
import type { Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { countSql, type ReadOptions } from '../read/read.ts';
import type { AnswerRow } from '../sql/answer-row.ts';
import { bodySql } from '../sql/body.ts';
import { fromSql, planContext, rootSource } from '../sql/context.ts';
import { fieldSql, type Source } from '../sql/fields.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { pageFirstSql } from '../sql/page-first.ts';
import { identifier, Params } from '../sql/params.ts';
import type { KeysetValues } from './cursor.ts';
import type { KeysetOrder, KeysetTerm } from './order.ts';

export interface KeysetRow extends AnswerRow {
  /** The values of the last row as JSON; null when there is no next page. */
  last: string | null;
}

export interface KeysetPage {
  readonly catalog: Catalog;
  readonly relation: Relation;
  readonly query: Query;
  readonly order: KeysetOrder;
  /** The key of the last row of the page before; null for the first page. */
  readonly after: KeysetValues | null;
}

export function planKeyset(
  { catalog, relation, query, order, after }: KeysetPage,
  options: ReadOptions & { maxRows: number },
) {
  const params = new Params();
  const rows = Math.min(query.limit ?? options.maxRows, options.maxRows);
  const wanted: Query = { ...query, order: order.order, limit: rows + 1 };
  // The select list names each column, because the response must not contain those of the key.
  const context = planContext(catalog, params, Math.max(options.maxRows, rows + 1));
  const source = { ...rootSource(context, relation), hasMore: true };
  const level = planLevel(context, wanted, source);
  const from = fromSql(source);
  const total = options.exactCount ? countSql(level, from) : 'null::int8';
  const keys = order.terms.map(({ field }) => ({
    name: '',
    sql: `${fieldSql(source, field)}::text`,
    aggregated: false,
  }));
  const named = [...level.outputs, ...keys].map((output, i) => ({ ...output, name: `c${i + 1}` }));
  const where = after === null ? level.where : [...level.where, afterSql(source, order.terms, after, params)];
  const paged = { ...level, outputs: named, where };
  const select = pageFirstSql(catalog, source, wanted, paged) ?? selectSql(paged, from);
  const shown = level.outputs.map((output, i) => `"_page"."c${i + 1}" as ${identifier(output.name)}`).join(', ');
  const values = keys.map((_, i) => `"c${level.outputs.length + i + 1}"`).join(', ');
  const limit = `${params.bind(String(rows))}::int8`;
  const last = `(select json_build_array(${values})::text from "_page" where "_n" = ${limit} and exists (select from "_page" where "_n" > ${limit}))`;
  return {
    text:
      `with "_page" as materialized (select *, row_number() over () as "_n" from (${select}) as "_rows") ` +
      `select ${bodySql(options.media)} as body, count("_t".*) as rows, ${total} as total, ${last} as last ` +
      `from (select ${shown} from "_page" where "_page"."_n" <= ${limit} order by "_page"."_n") as "_t"`,
    params: params.values,
  };
}

function afterSql(source: Source, terms: readonly KeysetTerm[], values: KeysetValues, params: Params): string {
  const columns = terms.map(({ field }) => fieldSql(source, field));
  const bound = values.map((value) => (value === null ? null : params.bind(value)));
  const oneWay = terms.every(({ descending }) => descending === terms[0]?.descending);
  if (oneWay && !bound.includes(null)) {
    const sign = terms[0]?.descending ? '<' : '>';
    const row = (parts: readonly (string | null)[]) => (parts.length === 1 ? parts[0] : `(${parts.join(', ')})`);
    const beyond = `${row(columns)} ${sign} ${row(bound)}`;
    // Comparisons with null are null: nulls that come before are excluded, and nulls that come after must be added.
    const nulls = terms.flatMap((term, i) => {
      if (!term.nullable || term.nullsFirst) return [];
      const same = columns.slice(0, i).map((column, j) => `${column} = ${bound[j]}`);
      return [`(${[...same, `${columns[i]} is null`].join(' and ')})`];
    });
    return nulls.length === 0 ? `(${beyond})` : `(${[beyond, ...nulls].join(' or ')})`;
  }
  const first = terms[0] as KeysetTerm;
  const bounds = bound[0] !== null && !(first.nullable && !first.nullsFirst);
  const wide = terms.reduceRight<string>((rest, term, i) => {
    const [column, value] = [columns[i] as string, bound[i] ?? null];
    const beyond = beyondSql(term, column, value);
    const same = value === null ? `${column} is null` : `${column} = ${value}`;
    return rest === '' ? beyond : `(${beyond} or (${same} and ${rest}))`;
  }, '');
  // This condition follows from the others, but lets Postgres use a range of an index on the first column.
  return bounds ? `(${columns[0]} ${first.descending ? '<=' : '>='} ${bound[0]} and ${wide})` : wide;
}

function beyondSql({ descending, nullable, nullsFirst }: KeysetTerm, column: string, value: string | null): string {
  if (value === null) return nullsFirst ? `(${column} is not null)` : 'false';
  const beyond = `${column} ${descending ? '<' : '>'} ${value}`;
  return nullable && !nullsFirst ? `(${beyond} or ${column} is null)` : `(${beyond})`;
}
