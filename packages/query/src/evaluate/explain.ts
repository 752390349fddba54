import type { Condition } from '../ast.ts';
import { renderCondition, renderElement } from '../render.ts';
import type { ColumnTypes } from './compilation.ts';
import { type CompileOptions, compileFilter } from './compile.ts';
import type { Row } from './predicate.ts';

export interface FilterPart {
  /** In the grammar of the query string, not percent-encoded: `minute=gte.90`; inside a group, `minute.gte.90`. */
  readonly expression: string;
  /** null means unknown, because a NULL was compared. A row passes only if true. */
  readonly passed: boolean | null;
  readonly column: string | undefined;
  /** The members that decided a group: the failed ones of a failed `and`, all of a failed `or`. */
  readonly parts: readonly FilterPart[] | undefined;
}

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
      parts: isGroup
        ? condition.conditions.map((member) => explain(member, renderElement)).filter((part) => part.passed === own)
        : undefined,
    };
  };
  return where.map((condition) => explain(condition, renderCondition));
}
