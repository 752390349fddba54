/** Refuses what neither side may evaluate: regular expressions that take too long, and relative times. */
import { type ColumnTypes, type Condition, canonicalWhere, compileFilter, type FilterProblem } from '@tidemark/query';
import { errors } from '../errors.ts';
import { columnsOf, RowFilter } from './row-filter.ts';

/** For any other reason, Postgres would refuse the condition too, or take too long. */
const ASKABLE: ReadonlySet<FilterProblem['reason']> = new Set([
  'type',
  'operator',
  'json-path',
  'collation',
  'constant',
]);
const RELATIVE_TIME = /\b(now|today|tomorrow|yesterday)\b/i;
const TIME_TYPE = /date|time|^ts/;

export function planFilter(
  table: string,
  where: readonly Condition[],
  types: ColumnTypes & Record<string, { type: string }>,
): RowFilter {
  const local: Condition[] = [];
  const asked: Condition[] = [];
  for (const condition of where) {
    const compiled = compileFilter([condition], types, { timeZone: 'UTC' });
    if (compiled.supported) {
      local.push(condition);
      continue;
    }
    const problem = compiled.problems.find(({ reason }) => !ASKABLE.has(reason));
    if (problem) throw unsupported(problem.column, problem.message);
    refuseUnaskable(condition, types);
    asked.push(condition);
  }
  const compiled = compileFilter(local, types, { timeZone: 'UTC' });
  if (!compiled.supported)
    throw unsupported(local.map((condition) => columnsOf([condition])).join(), 'it cannot be compiled');
  // Postgres evaluates numbers inside JSON, row by row.
  const mayBeAsked = [...asked, ...local.filter(readsPath)];
  return new RowFilter({
    local: compiled,
    asked,
    columns: columnsOf(where),
    question: mayBeAsked.length > 0 ? `${table}\0${canonicalWhere(mayBeAsked)}` : undefined,
  });
}

function refuseUnaskable(condition: Condition, types: Record<string, { type: string }>): void {
  if (condition.kind === 'and' || condition.kind === 'or') {
    for (const member of condition.conditions) refuseUnaskable(member, types);
    return;
  }
  if (condition.kind === 'embed-null' || condition.kind === 'is' || condition.kind === 'fts') return;
  const { name, json } = condition.field;
  if (condition.kind === 'compare' && (condition.op === 'match' || condition.op === 'imatch'))
    throw unsupported(name, 'regular expressions on this type or collation are not supported');
  const values = condition.kind === 'in' ? condition.values : [condition.value];
  const isTime = json.length === 0 && TIME_TYPE.test(types[name]?.type ?? '');
  if (isTime && values.some((value) => RELATIVE_TIME.test(value)))
    throw unsupported(name, 'the time depends on when it is read');
}

function readsPath(condition: Condition): boolean {
  if (condition.kind === 'and' || condition.kind === 'or') return condition.conditions.some(readsPath);
  return condition.kind !== 'embed-null' && condition.field.json.length > 0;
}

const unsupported = (column: string, reason: string) =>
  errors.QUERY_UNSUPPORTED({ what: `the filter on "${column}" (${reason})` });
