/** The claims that a table's policies for a role read, and the columns that they compare with claims. */
import type { PolicyCatalog } from './catalog.ts';
import { type RequiredEquality, requiredEqualities } from './claim-equality.ts';
import { type ClaimPaths, claimPaths } from './claim-paths.ts';
import { type Expression, TRUE } from './expression.ts';
import { expressionOfTree } from './from-tree.ts';

export interface PolicyDependencies {
  claims: ClaimPaths;
  /** Undefined where any row may be visible. */
  equalities: readonly RequiredEquality[] | undefined;
}

export interface PolicyTree {
  permissive: boolean;
  /** pg_policy.polqual; null without USING. */
  tree: string | null;
}

/** Joins the policies as Postgres does (policySql). */
export function policyDependencies(policies: readonly PolicyTree[], catalog: PolicyCatalog): PolicyDependencies {
  const parts = (permissive: boolean): Expression[] =>
    policies
      .filter((policy) => policy.permissive === permissive)
      .map(({ tree }) => (tree === null ? TRUE : expressionOfTree(tree, catalog)));
  const all: Expression = { kind: 'and', parts: [{ kind: 'or', parts: parts(true) }, ...parts(false)] };
  return { claims: claimPaths(all), equalities: requiredEqualities(all) };
}
