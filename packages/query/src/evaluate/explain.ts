/** Which part of a filter decided about a row: each condition by itself, by the same predicates that the whole has. */
import type { Condition } from '../ast.ts';
import { renderCondition, renderElement } from '../render.ts';
import { type ColumnTypes, type CompileOptions, compileFilter } from './compile.ts';
import type { Row } from './predicate.ts';

export interface FilterPart {
  /** In the query's own grammar, not percent-encoded: `minute=gte.90`; inside a group, `minute.gte.90`. */
  readonly expression: string;
  /** null: unknown, since a NULL was compared. A row passes by true alone. */
  readonly passed: boolean | null;
  /** What a filter reads; undefined for a group. */
  readonly column: string | undefined;
  /** Of a group, the members that made it what it is: those that failed of an `and`, all of an `or` that failed. */
  readonly parts: readonly FilterPart[] | undefined;
}

/**
 * A part for each condition of a `where` list that `compileFilter` supports. The list passes when all of them do.
 * @throws QUERY_MISSING_COLUMN, QUERY_BAD_ROW_VALUE as its predicate does
 */
export function explainFilter(
  where: readonly Condition[],
  types: ColumnTypes,
  row: Row,
  options: CompileOptions = {},
): FilterPart[] {
  const explain = (condition: Condition, render: (condition: Condition) => string): FilterPart => {
    const compiled = compileFilter([condition], types, options);
    const passed = compiled.supported ? compiled.test(row) : null;
    const isGroup = condition.kind === 'and' || condition.kind === 'or';
    const own = condition.negate && passed !== null ? !passed : passed;
    return {
      expression: render(condition),
      passed,
      column: isGroup || condition.kind === 'embed-null' ? undefined : condition.field.name,
      // A false AND is so by its false members, a true one by all, an unknown one by the unknown; an OR likewise.
      parts: isGroup
        ? condition.conditions.map((member) => explain(member, renderElement)).filter((part) => part.passed === own)
        : undefined,
    };
  };
  return where.map((condition) => explain(condition, renderCondition));
}
