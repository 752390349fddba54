/**
 * What is understood of a policy's expression, as far as it matters here: what it reads of the claims, and which columns it
 * compares with them. The rest is `built` (decided by its parts alone) or `unknown` (may read anything).
 */
export type Expression =
  | { kind: 'unknown' }
  | { kind: 'built'; parts: readonly Expression[] }
  /** `current_setting(name)`, in lower case; NULL or empty where it is not set. */
  | { kind: 'setting'; name: string }
  /** The value as Postgres prints it, null for NULL; undefined where that is not known here. */
  | { kind: 'constant'; text: string | null | undefined }
  /** Of the policy's table, by pg_attribute.attnum. */
  | { kind: 'column'; number: number; type: number; collation: number }
  /** `of -> key`, or `of ->> key` where `asText`. */
  | { kind: 'member'; of: Expression; key: string; asText: boolean }
  /** A conversion through the types' text. */
  | { kind: 'cast'; of: Expression; from: number; to: number }
  | { kind: 'nullif'; of: Expression; unless: Expression }
  | { kind: 'coalesce'; parts: readonly Expression[] }
  | { kind: 'equal'; left: Expression; right: Expression; collation: number }
  | { kind: 'and' | 'or'; parts: readonly Expression[] }
  | { kind: 'not'; of: Expression };

export const UNKNOWN: Expression = { kind: 'unknown' };
export const TRUE: Expression = { kind: 'constant', text: 'true' };

/** Oids that initdb gives (pg_type.dat): Postgres never changes one that it has released. */
export const TYPES = {
  ...{ bool: 16, int8: 20, int2: 21, int4: 23, text: 25, json: 114, varchar: 1_043, numeric: 1_700, uuid: 2_950 },
  ...{ jsonb: 3_802, int4Array: 1_007, textArray: 1_009, int8Array: 1_016, uuidArray: 2_951 },
} as const;

/** Names of settings are the same in upper and lower case. */
export const CLAIMS_SETTING = 'request.jwt.claims';

/**
 * Under a rights class, those of `request.` are not set but for the claims, unless the database brings some; others are not
 * known to be the same for everybody.
 */
export function settingOf(text: string, { request_settings: areSet }: { request_settings: boolean }): Expression {
  const name = text.toLowerCase();
  const isKnown = name === CLAIMS_SETTING || (name.startsWith('request.') && !areSet);
  return isKnown ? { kind: 'setting', name } : UNKNOWN;
}

/** `nullif(current_setting('request.jwt.claim.sub', true), '')`: NULL, since only the claims are set (settingOf). */
export function isAlwaysNull(expression: Expression): boolean {
  if (expression.kind === 'constant') return expression.text === null;
  if (expression.kind !== 'nullif') return false;
  const { of, unless } = expression;
  return of.kind === 'setting' && of.name !== CLAIMS_SETTING && unless.kind === 'constant' && unless.text === '';
}

/** What an expression is made of. */
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
