/** The rows of a body as a relation `"_body"`, with the types of the columns (column-types.ts). */
import type { Column, Relation, RelationRef } from '../catalog/catalog.ts';
import { postgrest } from '../errors.ts';
import { columnOf, identifier, literal, qualified } from '../sql/params.ts';
import type { Payload } from './payload.ts';

export function writtenColumns(relation: Relation, keys: readonly string[]): readonly string[] {
  for (const key of keys) {
    if (!relation.columns.has(key)) throw postgrest.PGRST204({ column: key, relation: relation.name });
  }
  return [...new Set(keys)];
}

/** Texts (CSV) become JSON strings, which a JSON column would keep as strings: such a column is read as text first. */
const readsText = (column: Column | undefined, { texts }: Pick<Payload, 'texts'>): boolean =>
  texts === true && column?.isJson === true;

/** The cast of a domain that reads the value of a body. */
function castIn(
  column: Column | undefined,
  { texts }: Pick<Payload, 'texts'>,
): { type: 'text' | 'json'; by: RelationRef } | undefined {
  const { fromText, fromJson } = column?.casts ?? {};
  if (texts === true && fromText) return { type: 'text', by: fromText };
  return fromJson && { type: 'json', by: fromJson };
}

export function columnDefinitions(
  relation: Relation,
  columns: readonly string[],
  payload: Pick<Payload, 'texts'> = {},
): string {
  return columns
    .map((name) => {
      const column = relation.columns.get(name);
      return `${identifier(name)} ${castIn(column, payload)?.type ?? (readsText(column, payload) ? 'text' : column?.bareType)}`;
    })
    .join(', ');
}

export function bodyValues(relation: Relation, columns: readonly string[], payload: Payload): string[] {
  return columns.map((name) => {
    const column = relation.columns.get(name);
    const value = columnOf('_body', name);
    const cast = castIn(column, payload);
    if (cast) return `${qualified(cast.by)}(${value})`;
    return readsText(column, payload) ? `${value}::${column?.bareType}` : value;
  });
}

export const bodySourceSql = (
  relation: Relation,
  columns: readonly string[],
  body: string,
  payload: Payload,
  missingDefault: boolean,
) =>
  `${recordsetSql(relation, columns, body, missingDefault)} as "_body"(${columnDefinitions(relation, columns, payload)})`;

/**
 * With `missing=default`, each object is merged over the defaults of the columns that it lacks. The default of a
 * column that is given is not computed, because it may take a value of a sequence.
 */
export function recordsetSql(
  relation: Relation,
  columns: readonly string[],
  body: string,
  missingDefault: boolean,
): string {
  const defaults = missingDefault
    ? columns.flatMap((column) => {
        const { defaultSql, casts, bareType } = relation.columns.get(column) ?? {};
        const sql =
          defaultSql && casts?.toJson ? `${qualified(casts.toJson)}((${defaultSql})::${bareType})` : defaultSql;
        const key = literal(column);
        return sql
          ? [`case when "_e".value ? ${key} then '{}'::jsonb else jsonb_build_object(${key}, ${sql}) end`]
          : [];
      })
    : [];
  if (defaults.length === 0) return `json_to_recordset(${body}::json)`;
  return `jsonb_to_recordset((select jsonb_agg(${defaults.join(' || ')} || "_e".value) from jsonb_array_elements(${body}::jsonb) as "_e"(value)))`;
}
