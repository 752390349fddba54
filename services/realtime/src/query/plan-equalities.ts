import { type EqualityKeys, equalityKeys } from '@tidemark/query';
import { combinationKey, type EqualityTerm } from './equality-index.ts';
import type { LivePlan } from './live-plan.ts';

const MAX_COMBINATIONS = 1_000;

/** Undefined means that the topic is tested with every change. */
export function planEqualities(plan: LivePlan): EqualityTerm[] | undefined {
  const columns: string[] = [];
  const keys: EqualityKeys[] = [];
  let combinations: string[][] = [[]];
  for (const { column, values } of plan.equality) {
    const type = plan.types[column];
    const key = type && equalityKeys(type, { timeZone: 'UTC' });
    if (!key || values.length * combinations.length > MAX_COMBINATIONS) continue;
    const constants = values.map((value) => key.constant(value));
    if (constants.includes(null)) continue;
    columns.push(column);
    keys.push(key);
    combinations = combinations.flatMap((before) => constants.map((constant) => [...before, constant as string]));
  }
  if (columns.length === 0) return undefined;
  return [{ shape: JSON.stringify(columns), columns, keys, combinations: new Set(combinations.map(combinationKey)) }];
}
