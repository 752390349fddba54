/** Finds values that policies require of a column for an identity, which sees no row without one of them. */
import { type ColumnTypeDetail, type EqualityKeys, equalityKeys } from '@tidemark/query';
import { type Claims, claimAt, claimPath } from './claim-paths.ts';
import { type Expression, isAlwaysNull, partsOf, TYPES } from './expression.ts';

/** `column = value`, where the value is the same for each row. */
export interface RequiredEquality {
  /** pg_attribute.attnum */
  column: number;
  value: Expression;
}

export interface RequiredValue {
  column: string;
  type: string;
  keys: EqualityKeys;
  /** The result of `keys` for all values that Postgres considers equal. */
  key: string;
}

export interface ComparableColumn {
  number: number;
  name: string;
  type: ColumnTypeDetail;
}

/** Equalities of one policy expression; with more, the group receives every change. */
const MAX_EQUALITIES = 100;
const COMPARED: ReadonlySet<string> = new Set([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'text',
  'character varying',
  'uuid',
]);
/** No collation, the database's and C (pg_collation.dat), which are deterministic. */
const PLAIN_COLLATIONS: ReadonlySet<number> = new Set([0, 100, 950]);

/** Returns equalities of which at least one holds where the expression is true; undefined without such a set. */
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

/** Returns the column of a text cast whose texts are different for different values. */
function columnOf(side: Expression) {
  if (side.kind === 'column') return side;
  const isText = side.kind === 'cast' && side.to === TYPES.text && TEXT_IS_THE_VALUE.has(side.from);
  return isText && side.of.kind === 'column' ? { ...side.of, collation: 0 } : undefined;
}

const TEXT_IS_THE_VALUE: ReadonlySet<number> = new Set([TYPES.uuid, TYPES.int2, TYPES.int4, TYPES.int8]);

const readsRow = (expression: Expression): boolean =>
  expression.kind === 'column' || partsOf(expression).some(readsRow);

/** Undefined where a value is unknown under these claims. NULL equals nothing and is left out. */
export function requiredValues(
  equalities: readonly RequiredEquality[],
  claims: Claims,
  columns: readonly ComparableColumn[],
): RequiredValue[] | undefined {
  const values: RequiredValue[] = [];
  for (const equality of equalities) {
    const column = columns.find(({ number }) => number === equality.column);
    const keys = column && COMPARED.has(column.type.type) ? equalityKeys(column.type, { timeZone: 'UTC' }) : null;
    const text = textOf(equality.value, claims);
    if (text === null) continue;
    const key = text === undefined ? null : (keys?.constant(text) ?? null);
    if (!column || !keys || key === null) return undefined;
    values.push({ column: column.name, type: column.type.type, keys, key });
  }
  return values;
}

/** Returns the value as Postgres prints it, null for NULL; undefined where only Postgres can compute it. */
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
  // json keeps a number as written, and jsonb does not; whole numbers are the same in both.
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

/** Converts a text to the type and back, so that equal values have equal texts. */
function castText(value: string | null | undefined, from: number, to: number): string | null | undefined {
  if (value === null || value === undefined) return value;
  if (to === TYPES.text || to === TYPES.varchar) return from === TYPES.json || from === TYPES.jsonb ? undefined : value;
  const type = from === TYPES.text ? CAST_TYPES.get(to) : undefined;
  const key = type === undefined ? null : (equalityKeys(type)?.constant(value) ?? null);
  if (key === null) return undefined;
  return to === TYPES.uuid ? key.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : key;
}
