/** Paths of the claims that policies read. Policies run under just these, so that a missed path makes no difference. */
import { CLAIMS_SETTING, type Expression, isAlwaysNull, partsOf, TYPES } from './expression.ts';

export type ClaimPath = readonly string[];

/** `whole` where the policies may read all claims. */
export type ClaimPaths = readonly ClaimPath[] | 'whole';

/** Paths of one table; policies read one or two. With more, all claims count. */
const MAX_PATHS = 16;

export function claimPaths(expression: Expression): ClaimPaths {
  const paths = new Map<string, ClaimPath>();
  if (!collect(expression, paths) || paths.size > MAX_PATHS) return 'whole';
  return [...paths].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path);
}

function collect(expression: Expression, paths: Map<string, ClaimPath>): boolean {
  const path = claimPath(expression);
  if (path) {
    paths.set(JSON.stringify(path), path);
    return path.length > 0;
  }
  if (expression.kind === 'unknown') return false;
  if (expression.kind === 'setting') return expression.name !== CLAIMS_SETTING;
  return partsOf(expression).every((part) => collect(part, paths));
}

/** Returns the path of the expression in the claims; empty for all of them. */
export function claimPath(expression: Expression): ClaimPath | undefined {
  if (expression.kind === 'member') {
    const path = documentPath(expression.of);
    return path && [...path, expression.key];
  }
  return documentPath(expression);
}

function documentPath(expression: Expression): ClaimPath | undefined {
  switch (expression.kind) {
    case 'member':
      return expression.asText ? undefined : claimPath(expression);
    case 'cast':
      if (expression.to !== TYPES.json && expression.to !== TYPES.jsonb) return undefined;
      if (isClaimsText(expression.of)) return [];
      return expression.from === TYPES.text ? undefined : documentPath(expression.of);
    case 'coalesce': {
      const first = expression.parts.find((part) => !isAlwaysNull(part));
      // The setting of the claims is never NULL.
      return first && documentPath(first)?.length === 0 ? [] : undefined;
    }
    default:
      return undefined;
  }
}

/** The setting holds the text of an object, and so is neither NULL nor empty. */
function isClaimsText(expression: Expression): boolean {
  switch (expression.kind) {
    case 'setting':
      return expression.name === CLAIMS_SETTING;
    case 'nullif':
      return isClaimsText(expression.of) && expression.unless.kind === 'constant' && expression.unless.text === '';
    case 'coalesce': {
      const first = expression.parts.find((part) => !isAlwaysNull(part));
      return first !== undefined && isClaimsText(first);
    }
    default:
      return false;
  }
}

export type Claims = Readonly<Record<string, unknown>>;

/** Undefined where the text is not that of JSON.stringify, or Postgres may refuse it (a character it cannot store). */
export function readClaims(text: string): Claims | undefined {
  if (text.includes('\\u')) return undefined;
  const claims = parsed(text);
  return isObject(claims) && JSON.stringify(claims) === text ? claims : undefined;
}

export function reduceClaims(whole: Claims, paths: readonly ClaimPath[]): string {
  const reduced = emptyObject();
  // A path sorts before those below it.
  for (const path of [...paths].sort((a, b) => a.length - b.length)) {
    const value = claimAt(whole, path);
    if (value === undefined) continue;
    let at = reduced;
    for (const key of path.slice(0, -1)) {
      const inner = at[key];
      const next = isObject(inner) ? inner : emptyObject();
      at[key] = next;
      at = next;
    }
    at[path.at(-1) as string] = value;
  }
  return JSON.stringify(reduced);
}

/** Returns undefined without a value, which is NULL in Postgres. */
export function claimAt(claims: unknown, path: ClaimPath): unknown {
  let at = claims;
  for (const key of path) {
    if (!isObject(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Makes an object without a prototype, since a claim may be called `__proto__`. */
const emptyObject = (): Record<string, unknown> => Object.create(null);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Postgres fails on these claims, or does not read them.
    return undefined;
  }
}
