/**
 * What policies read of the claims: paths into their JSON. Identities of a role whose claims are the same there share a class,
 * which asks under nothing but those claims, so what the analysis does not see cannot make a difference between them.
 */
import { CLAIMS_SETTING, type Expression, isAlwaysNull, partsOf, TYPES } from './expression.ts';

export type ClaimPath = readonly string[];

/** `whole` where the policies may read anything of an identity. */
export type ClaimPaths = readonly ClaimPath[] | 'whole';

/** Policies read one or two; more are not worth a class of their own kind. */
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

/** Where in the claims the expression is found, by members alone; empty for all of them. */
export function claimPath(expression: Expression): ClaimPath | undefined {
  if (expression.kind === 'member') {
    const path = documentPath(expression.of);
    return path && [...path, expression.key];
  }
  return documentPath(expression);
}

/** Of one that is JSON still. */
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
      // The claims are never NULL.
      return first && documentPath(first)?.length === 0 ? [] : undefined;
    }
    default:
      return undefined;
  }
}

/** They are an object's text, hence neither NULL nor empty. */
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

/**
 * Undefined where the text is not as JSON.stringify writes it, so that something that Postgres reads of it could be lost here,
 * or where Postgres may refuse it (an escaped character that it cannot store).
 */
export function readClaims(text: string): Claims | undefined {
  if (text.includes('\\u')) return undefined;
  const claims = parsed(text);
  return isObject(claims) && JSON.stringify(claims) === text ? claims : undefined;
}

/** The text of the claims at these paths and nothing else. */
export function reduceClaims(whole: Claims, paths: readonly ClaimPath[]): string {
  const reduced = emptyObject();
  // A path before those below it.
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

/** Undefined where there is none, which is NULL to Postgres. */
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

/** Without a prototype: a claim may be called `__proto__`. */
const emptyObject = (): Record<string, unknown> => Object.create(null);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Postgres will say so, or not read them.
    return undefined;
  }
}
