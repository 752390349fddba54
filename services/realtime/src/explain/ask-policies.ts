/** Evaluates each policy of a table separately, by the statement that evaluates all of them together. */
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { isRefusal } from '../is-refusal.ts';
import { visibleImages } from '../rls/visible-images.ts';
import { type PolicyFacts, policySql, type TableFacts } from '../tables/table-facts.ts';

export interface AskedPolicy {
  policy: PolicyFacts;
  expression: string;
  answer(image: RowImage): PolicyAnswer;
}

export interface PolicyAnswer {
  /** Null where it was not evaluated, or failed. */
  passed: boolean | null;
  problem?: string;
}

/** Policies evaluated, with one statement each; a table seldom has five. */
const MAX_POLICIES = 20;

export async function askPolicies(
  database: Database,
  identity: Identity,
  facts: TableFacts,
  images: readonly RowImage[],
  last: ChangeEnvelope,
): Promise<AskedPolicy[]> {
  const asked: AskedPolicy[] = [];
  for (const [index, policy] of facts.policies.entries()) {
    // A single permissive policy gives just its own expression.
    const expression = policySql([{ ...policy, permissive: true }]);
    if (index >= MAX_POLICIES) {
      const problem = `only ${MAX_POLICIES} policies are evaluated separately`;
      asked.push({ policy, expression, answer: () => ({ passed: null, problem }) });
      continue;
    }
    try {
      const { visible, undecided } = await visibleImages(
        database,
        identity,
        { ...facts, policy: expression },
        images,
        last,
      );
      const answer = (image: RowImage) =>
        undecided.has(image) ? failed(undecided.get(image)) : { passed: visible.has(image) };
      asked.push({ policy, expression, answer });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      asked.push({ policy, expression, answer: () => failed((error as { code?: string }).code) });
    }
  }
  return asked;
}

/** Leaves out Postgres's message, which may hold values of rows. */
function failed(code: string | undefined): PolicyAnswer {
  if (code === undefined)
    return { passed: null, problem: 'it was not evaluated, since the change does not carry what it reads' };
  return { passed: null, problem: `it failed with SQLSTATE ${code}: try it in psql under this role and these claims` };
}
