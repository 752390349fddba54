/**
 * Explains what a subscription received of one change, with the steps that decided it, in order. The outcome is that of the code that
 * delivers (matchChange). Pure.
 *
 *   beginning ─► progress ─► image ─► filter ─► policies ─► window | mode ─► sent
 */
import { formatPosition, type LiveExplained, type LiveFilterPart, type LiveStep } from '@tidemark/contracts';
import { canonicalWhere, explainFilter, type FilterPart } from '@tidemark/query';
import type { RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { type Judged, matchChange, passesFilter } from '../query/row-match.ts';
import type { AskedPolicy } from './ask-policies.ts';
import type { AskerView } from './asker-view.ts';
import type { DeliveryState } from './delivery-state.ts';
import type { FoundChange } from './find-changes.ts';

export interface ExplainContext {
  plan: LivePlan;
  judged: Judged;
  policies: readonly AskedPolicy[];
  shows: AskerView['shows'];
}

type Because = NonNullable<LiveExplained['because']>;
type Decision = { outcome: LiveExplained['outcome']; because: Because | null };

/** Characters shown of a value or an expression, so that a page of them stays small. */
const MAX_SHOWN = 500;

export function explainChange(found: FoundChange, state: DeliveryState, context: ExplainContext): LiveExplained {
  const { envelope, change } = found;
  const steps: LiveStep[] = [...state.steps];
  const match = matchChange(context.plan, change, context.judged);
  if (match.kind === 'resync') steps.push({ step: 'image', passed: false, detail: match.reason });
  for (const [row, image] of imagesOf(change)) steps.push(...imageSteps(row, image, context));
  const decision = state.early ?? decide(match, change, state, context);
  if (match.kind !== 'none') steps.push(...state.lateSteps);
  return {
    position: formatPosition(envelope.epoch, envelope.lsn, change.index),
    type: change.type,
    committedAt: envelope.body().committedAt,
    ...decision,
    steps,
  };
}

function decide(
  match: ReturnType<typeof matchChange>,
  change: RowChange,
  state: DeliveryState,
  { plan, judged }: ExplainContext,
): Decision {
  if (match.kind === 'none') {
    const image = change.row ?? change.before;
    return { outcome: 'kept back', because: image && passesFilter(plan, image, judged) ? 'policy' : 'filter' };
  }
  if (state.late) return state.late;
  if (match.kind === 'resync') return { outcome: 'resync', because: 'what the change carries' };
  return { outcome: `sent as ${match.type}`, because: null };
}

function imagesOf({ row, before }: RowChange): ['new' | 'old', RowImage][] {
  return [
    ...(row ? [['new', row] as ['new', RowImage]] : []),
    ...(before ? [['old', before] as ['old', RowImage]] : []),
  ];
}

function imageSteps(
  row: 'new' | 'old',
  image: RowImage,
  { plan, judged, policies, shows }: ExplainContext,
): LiveStep[] {
  const { visible } = judged;
  if (!image.has(plan.filter.columns)) {
    const detail = `the ${row} row lacks columns of the filter, so whether it passes is not known (replica identity full would send them)`;
    return [{ step: 'image', passed: false, detail }];
  }
  const shown = (part: FilterPart) => {
    const value = part.column !== undefined && shows(image, part.column) ? image.column(part.column) : undefined;
    return {
      expression: cut(part.expression),
      passed: part.passed,
      ...(value === undefined ? {} : { value: cut(value) }),
    };
  };
  const flat = (parts: readonly FilterPart[], depth: number): LiveFilterPart[] =>
    parts.flatMap((part) => [{ ...shown(part), depth }, ...flat(part.parts ?? [], depth + 1)]);
  const steps: LiveStep[] = explained(plan, image, judged).map((part) => ({
    step: 'filter',
    row,
    ...shown(part),
    ...(part.parts ? { parts: flat(part.parts, 1) } : {}),
  }));
  if (!visible) return steps;
  for (const { policy, expression, answer } of policies) {
    const { passed, problem } = answer(image);
    steps.push({
      step: 'policy',
      row,
      name: policy.name,
      kind: policy.permissive ? 'permissive' : 'restrictive',
      expression: cut(expression),
      passed,
      readsMore: !policy.rowAlone,
      ...(problem === undefined ? {} : { detail: problem }),
    });
  }
  const isLacking = !policies.some(({ policy }) => policy.permissive);
  const detail = isLacking ? { detail: 'no permissive policy for select is for this role, so it sees no row' } : {};
  return [...steps, { step: 'policies', row, passed: visible(image) === true, ...detail }];
}

/** Limit of the steps for one row: 2 ms. Each part of the filter is evaluated separately, some more than once. */
const MAX_EXPLAINED_STEPS = 100_000;

/** The whole filter, where Postgres evaluates it or its parts would take too long for this row. */
function explained(plan: LivePlan, image: RowImage, judged: Judged): FilterPart[] {
  if (plan.filter.kind !== 'asked' && plan.filter.stepsFor(image) <= MAX_EXPLAINED_STEPS)
    return explainFilter(plan.where, plan.types, image.values(plan.filter.columns), { timeZone: 'UTC' });
  const passed = passesFilter(plan, image, judged) ?? null;
  return [{ expression: canonicalWhere(plan.where), passed, column: undefined, parts: undefined }];
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
