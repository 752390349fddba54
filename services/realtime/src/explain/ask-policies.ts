/** Each policy of a table by itself, over row images, by the same statement that decides about all of them together. */
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { isRefusal } from '../is-refusal.ts';
import { visibleImages } from '../rls/visible-images.ts';
import { type PolicyFacts, policySql, type TableFacts } from '../tables/table-facts.ts';

export interface AskedPolicy {
  policy: PolicyFacts;
  /** As it was asked. */
  expression: string;
  answer(image: RowImage): PolicyAnswer;
}

export interface PolicyAnswer {
  /** Null where it was not asked, or failed. */
  passed: boolean | null;
  /** Why it was not, or how it failed. */
  problem?: string;
}

/** Each is a question to Postgres; a table seldom has five. */
const MAX_POLICIES = 20;

/** @throws DB_ errors where no server answers */
export async function askPolicies(
  database: Database,
  identity: Identity,
  facts: TableFacts,
  images: readonly RowImage[],
  last: ChangeEnvelope,
): Promise<AskedPolicy[]> {
  const asked: AskedPolicy[] = [];
  for (const [index, policy] of facts.policies.entries()) {
    // As a permissive one and alone, so that it is just its own expression.
    const expression = policySql([{ ...policy, permissive: true }]);
    if (index >= MAX_POLICIES) {
      const problem = `only ${MAX_POLICIES} policies are asked apart`;
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

/** Postgres's words may hold values, of this row or of others. */
function failed(code: string | undefined): PolicyAnswer {
  if (code === undefined)
    return { passed: null, problem: 'it was not asked, since the change does not carry what it reads' };
  return { passed: null, problem: `it failed with SQLSTATE ${code}: try it in psql under this role and these claims` };
}
