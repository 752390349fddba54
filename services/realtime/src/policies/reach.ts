/** What a table's policies for a role read of the claims, and which columns they pin to them. */
import type { PolicyCatalog } from './catalog.ts';
import { type ClaimPaths, claimPaths } from './claim-paths.ts';
import { type Expression, TRUE } from './expression.ts';
import { expressionOfTree } from './from-tree.ts';
import { type Pin, pinsOf } from './pins.ts';

export interface PolicyReach {
  claims: ClaimPaths;
  /** Undefined where a row may be seen whatever is in its columns. */
  pins: readonly Pin[] | undefined;
}

export interface PolicyTree {
  permissive: boolean;
  /** pg_policy.polqual; null where it has no USING. */
  tree: string | null;
}

/** Joined as Postgres joins them (policySql). */
export function policyReach(policies: readonly PolicyTree[], catalog: PolicyCatalog): PolicyReach {
  const parts = (permissive: boolean): Expression[] =>
    policies
      .filter((policy) => policy.permissive === permissive)
      .map(({ tree }) => (tree === null ? TRUE : expressionOfTree(tree, catalog)));
  const all: Expression = { kind: 'and', parts: [{ kind: 'or', parts: parts(true) }, ...parts(false)] };
  return { claims: claimPaths(all), pins: pinsOf(all) };
}
