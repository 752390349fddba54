/** What a table's policies for a role read of the claims, and which columns they pin to them. */
import type { PolicyCatalog } from './catalog.ts';
import { type RequiredEquality, requiredEqualities } from './claim-equality.ts';
import { type ClaimPaths, claimPaths } from './claim-paths.ts';
import { type Expression, TRUE } from './expression.ts';
import { expressionOfTree } from './from-tree.ts';

export interface PolicyDependencies {
  claims: ClaimPaths;
  /** Undefined where a row may be seen whatever is in its columns. */
  equalities: readonly RequiredEquality[] | undefined;
}

export interface PolicyTree {
  permissive: boolean;
  /** pg_policy.polqual; null where it has no USING. */
  tree: string | null;
}

/** Joined as Postgres joins them (policySql). */
export function policyDependencies(policies: readonly PolicyTree[], catalog: PolicyCatalog): PolicyDependencies {
  const parts = (permissive: boolean): Expression[] =>
    policies
      .filter((policy) => policy.permissive === permissive)
      .map(({ tree }) => (tree === null ? TRUE : expressionOfTree(tree, catalog)));
  const all: Expression = { kind: 'and', parts: [{ kind: 'or', parts: parts(true) }, ...parts(false)] };
  return { claims: claimPaths(all), equalities: requiredEqualities(all) };
}
