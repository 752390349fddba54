/** Any part beside claims and comparisons is `built` (from its parts alone) or `unknown` (may read anything). */
export type Expression =
  | { kind: 'unknown' }
  | { kind: 'built'; parts: readonly Expression[] }
  /** `current_setting(name)`, in lower case. */
  | { kind: 'setting'; name: string }
  /** The value as Postgres prints it, null for NULL; undefined where it is unknown. */
  | { kind: 'constant'; text: string | null | undefined }
  /** A column of the policy's table, by pg_attribute.attnum. */
  | { kind: 'column'; number: number; type: number; collation: number }
  /** `of -> key`, or `of ->> key` where `asText`. */
  | { kind: 'member'; of: Expression; key: string; asText: boolean }
  /** A conversion through the text forms of the types. */
  | { kind: 'cast'; of: Expression; from: number; to: number }
  | { kind: 'nullif'; of: Expression; unless: Expression }
  | { kind: 'coalesce'; parts: readonly Expression[] }
  | { kind: 'equal'; left: Expression; right: Expression; collation: number }
  | { kind: 'and' | 'or'; parts: readonly Expression[] }
  | { kind: 'not'; of: Expression };

export const UNKNOWN: Expression = { kind: 'unknown' };
export const TRUE: Expression = { kind: 'constant', text: 'true' };

/** Oids of built-in types (pg_type.dat), which never change. */
export const TYPES = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  varchar: 1_043,
  numeric: 1_700,
  uuid: 2_950,
  jsonb: 3_802,
  int4Array: 1_007,
  textArray: 1_009,
  int8Array: 1_016,
  uuidArray: 2_951,
} as const;

/** Names of settings are case-insensitive. */
export const CLAIMS_SETTING = 'request.jwt.claims';

/** For an RLS group, only the claims are set of `request.…`, unless the database sets others. Other settings vary. */
export function settingOf(text: string, { request_settings: areSet }: { request_settings: boolean }): Expression {
  const name = text.toLowerCase();
  const isKnown = name === CLAIMS_SETTING || (name.startsWith('request.') && !areSet);
  return isKnown ? { kind: 'setting', name } : UNKNOWN;
}

/** `nullif(current_setting('request.jwt.claim.sub', true), '')` is NULL, since only the claims are set. */
export function isAlwaysNull(expression: Expression): boolean {
  if (expression.kind === 'constant') return expression.text === null;
  if (expression.kind !== 'nullif') return false;
  const { of, unless } = expression;
  return of.kind === 'setting' && of.name !== CLAIMS_SETTING && unless.kind === 'constant' && unless.text === '';
}

export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'built':
    case 'coalesce':
    case 'and':
    case 'or':
      return expression.parts;
    case 'member':
    case 'cast':
    case 'not':
      return [expression.of];
    case 'nullif':
      return [expression.of, expression.unless];
    case 'equal':
      return [expression.left, expression.right];
    default:
      return [];
  }
}
