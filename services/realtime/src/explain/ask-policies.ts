/** Each policy of a table by itself, over row images, by the same statement that decides about all of them together. */
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import { type PolicyFacts, policySql, type TableFacts } from '../topics/table-facts.ts';
import { isPolicyError, visibleImages } from '../topics/visibility.ts';

export interface AskedPolicy {
  policy: PolicyFacts;
  /** As it was asked. */
  expression: string;
  /** Undefined where it was not asked, or failed. */
  passes: ReadonlySet<RowImage> | undefined;
  /** Why it was not, or how it failed. */
  problem: string | undefined;
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
      asked.push({ policy, expression, passes: undefined, problem: `only ${MAX_POLICIES} policies are asked apart` });
      continue;
    }
    try {
      const seen = await visibleImages(database, identity, { ...facts, policy: expression }, images, last);
      const problem =
        seen.undecided.size > 0 ? `it failed on ${seen.undecided.size} of the rows, old and new` : undefined;
      asked.push({ policy, expression, passes: seen.visible, problem });
    } catch (error) {
      if (!isPolicyError(error)) throw error;
      // Its words may hold values, of this row or of others.
      const problem = `it failed with SQLSTATE ${(error as { code?: string }).code}: try it in psql under this role and these claims`;
      asked.push({ policy, expression, passes: undefined, problem });
    }
  }
  return asked;
}
