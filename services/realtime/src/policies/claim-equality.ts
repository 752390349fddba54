/**
 * Columns that policies pin to a value for an identity: a row that it may see has one of these values in one of these columns.
 * A row that has none need not be asked for. Everything else is left to Postgres.
 */
import { type ColumnTypeDetail, type EqualityKeys, equalityKeys } from '@tidemark/query';
import { type Claims, claimAt, claimPath } from './claim-paths.ts';
import { type Expression, isAlwaysNull, partsOf, TYPES } from './expression.ts';

/** `column = value`, and the value is the same for each row. */
export interface RequiredEquality {
  /** pg_attribute.attnum */
  column: number;
  value: Expression;
}

/** Of one identity. */
export interface RequiredValue {
  column: string;
  type: string;
  keys: EqualityKeys;
  /** What `keys` gives for the values that Postgres holds equal to it. */
  key: string;
}

export interface ComparableColumn {
  number: number;
  name: string;
  type: ColumnTypeDetail;
}

/** A class is filed under each; past that it is asked of each change. */
const MAX_EQUALITIES = 100;
const COMPARED: ReadonlySet<string> = new Set([
  ...['boolean', 'smallint', 'integer', 'bigint', 'text', 'character varying', 'uuid'],
]);
/** pg_collation.dat: none, the database's, C. They are deterministic. */
const PLAIN_COLLATIONS: ReadonlySet<number> = new Set([0, 100, 950]);

/** At least one of them holds where the expression is true. Undefined where nothing of that kind can be said. */
export function requiredEqualities(expression: Expression): readonly RequiredEquality[] | undefined {
  switch (expression.kind) {
    case 'constant':
      return expression.text === 'false' || expression.text === null ? [] : undefined;
    case 'column':
      return expression.type === TYPES.bool ? [boolean(expression.number, 'true')] : undefined;
    case 'not':
      return expression.of.kind === 'column' ? [boolean(expression.of.number, 'false')] : undefined;
    case 'equal':
      return equality(expression);
    case 'and': {
      const found = expression.parts.map(requiredEqualities).filter((equalities) => equalities !== undefined);
      return found.sort((a, b) => a.length - b.length)[0];
    }
    case 'or': {
      const all: RequiredEquality[] = [];
      for (const part of expression.parts) {
        const equalities = requiredEqualities(part);
        if (!equalities || all.length + equalities.length > MAX_EQUALITIES) return undefined;
        all.push(...equalities);
      }
      return all;
    }
    default:
      return undefined;
  }
}

const boolean = (column: number, text: 'true' | 'false'): RequiredEquality => ({
  column,
  value: { kind: 'constant', text },
});

function equality({ left, right, collation }: Expression & { kind: 'equal' }): RequiredEquality[] | undefined {
  for (const [side, value] of [
    [left, right],
    [right, left],
  ] as const) {
    const column = columnOf(side);
    if (column && !readsRow(value) && (PLAIN_COLLATIONS.has(collation) || collation === column.collation))
      return [{ column: column.number, value }];
  }
  return undefined;
}

/** Of different values the text is different too. */
function columnOf(side: Expression) {
  if (side.kind === 'column') return side;
  const isText = side.kind === 'cast' && side.to === TYPES.text && TEXT_IS_THE_VALUE.has(side.from);
  return isText && side.of.kind === 'column' ? { ...side.of, collation: 0 } : undefined;
}

const TEXT_IS_THE_VALUE: ReadonlySet<number> = new Set([TYPES.uuid, TYPES.int2, TYPES.int4, TYPES.int8]);

const readsRow = (expression: Expression): boolean =>
  expression.kind === 'column' || partsOf(expression).some(readsRow);

/** The pins' values under these claims; undefined where one of them is not known here. A value that is NULL is equal to nothing. */
export function requiredValues(
  equalities: readonly RequiredEquality[],
  claims: Claims,
  columns: readonly ComparableColumn[],
): RequiredValue[] | undefined {
  const values: RequiredValue[] = [];
  for (const pin of equalities) {
    const column = columns.find(({ number }) => number === pin.column);
    const keys = column && COMPARED.has(column.type.type) ? equalityKeys(column.type, { timeZone: 'UTC' }) : null;
    const text = textOf(pin.value, claims);
    if (text === null) continue;
    const key = text === undefined ? null : (keys?.constant(text) ?? null);
    if (!column || !keys || key === null) return undefined;
    values.push({ column: column.name, type: column.type.type, keys, key });
  }
  return values;
}

/** As Postgres would print it; null for NULL, undefined where only Postgres knows, or refuses. */
function textOf(expression: Expression, claims: Claims): string | null | undefined {
  switch (expression.kind) {
    case 'constant':
      return expression.text;
    case 'member':
      return memberText(expression, claims);
    case 'cast':
      return castText(textOf(expression.of, claims), expression.from, expression.to);
    case 'nullif': {
      if (isAlwaysNull(expression)) return null;
      const [value, other] = [textOf(expression.of, claims), textOf(expression.unless, claims)];
      return value === undefined || other === undefined ? undefined : value === other ? null : value;
    }
    case 'coalesce':
      for (const part of expression.parts) {
        const value = textOf(part, claims);
        if (value !== null) return value;
      }
      return null;
    default:
      return undefined;
  }
}

function memberText(expression: Expression & { kind: 'member' }, claims: Claims): string | null | undefined {
  const path = expression.asText ? claimPath(expression) : undefined;
  if (!path) return undefined;
  const value = claimAt(claims, path);
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  // json keeps a number as it was written, jsonb does not; of a whole one both say the same.
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

const CAST_TYPES: ReadonlyMap<number, string> = new Map([
  ...([
    [TYPES.bool, 'bool'],
    [TYPES.int2, 'int2'],
    [TYPES.int4, 'int4'],
    [TYPES.int8, 'int8'],
    [TYPES.uuid, 'uuid'],
  ] as const),
]);

/** Through the type and out of it again, so that equal values have one text. */
function castText(value: string | null | undefined, from: number, to: number): string | null | undefined {
  if (value === null || value === undefined) return value;
  if (to === TYPES.text || to === TYPES.varchar) return from === TYPES.json || from === TYPES.jsonb ? undefined : value;
  const type = from === TYPES.text ? CAST_TYPES.get(to) : undefined;
  const key = type === undefined ? null : (equalityKeys(type)?.constant(value) ?? null);
  if (key === null) return undefined;
  return to === TYPES.uuid ? key.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : key;
}
