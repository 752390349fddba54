/** `data->a->>key` of a jsonb value that was parsed, where that is what Postgres says; the rest is left to Postgres. */
import type { JsonStep } from '../ast.ts';

/**
 * The text that the path leads to, null for SQL's NULL. undefined where only Postgres knows: a number's text depends on digits
 * that parsing loses, and an index into a scalar finds the scalar.
 */
export function textAt(root: unknown, steps: readonly JsonStep[]): string | null | undefined {
  let value = root;
  for (const step of steps) {
    if (value === null) return null;
    if (Array.isArray(value)) value = step.kind === 'index' ? (value.at(step.index) ?? null) : null;
    else if (typeof value === 'object') {
      const has = step.kind === 'key' && Object.hasOwn(value, step.key);
      value = has ? (value as Record<string, unknown>)[step.key] : null;
    } else if (step.kind === 'index') return undefined;
    else return null;
  }
  if (value === null || typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(value) : undefined;
}
