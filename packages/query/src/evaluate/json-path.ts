/** `data->a->>key` of a parsed jsonb value, as far as the result is sure to equal that of Postgres. */
import type { JsonStep } from '../ast.ts';

/**
 * Returns undefined if only Postgres can decide: parsing loses digits, and an index into a scalar returns the scalar.
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
