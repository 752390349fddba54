/** Maps an identity to its RLS group: identities that the policies of a table cannot tell apart are in one group. */
import type { Identity } from '@tidemark/db';
import type { RowImage } from '../changes/row-image.ts';
import { type RequiredValue, requiredValues } from '../policies/claim-equality.ts';
import { readClaims, reduceClaims } from '../policies/claim-paths.ts';
import type { EqualityTerm } from '../query/equality-index.ts';
import type { TableFacts } from '../tables/table-facts.ts';

export interface RlsGroupKey {
  key: string;
  /** Holds only the claims that the policies read, where these are known. Undefined without row-level security. */
  identity: Identity | undefined;
  /** Each visible row has one of these values; undefined where any row may be visible. */
  required: readonly RequiredValue[] | undefined;
}

export function rlsGroupKey(facts: TableFacts, identity: Identity): RlsGroupKey {
  const { policy, dependencies } = facts;
  if (policy === undefined) return { key: '', identity: undefined, required: undefined };
  const read = readClaims(identity.claims);
  const claims = read && dependencies.claims !== 'whole' ? reduceClaims(read, dependencies.claims) : identity.claims;
  return {
    key: JSON.stringify([facts.version, identity.role, claims]),
    identity: { ...identity, claims },
    required: read && dependencies.equalities && requiredValues(dependencies.equalities, read, facts.columns),
  };
}

/** A column that the image lacks may have any value. */
/** A shape has the type in its name, since a column may have two while it is altered. */
export const requiredTerms = (required: readonly RequiredValue[] | undefined): EqualityTerm[] | undefined =>
  required?.map(({ column, type, keys, key }) => ({
    shape: `${column}\0${type}`,
    columns: [column],
    keys: [keys],
    combinations: [key],
  }));

export function maySee(required: readonly RequiredValue[] | undefined, image: RowImage): boolean {
  if (!required) return true;
  return required.some(({ column, keys, key }) => {
    const names = [column];
    return !image.has(names) || keys.value(image.values(names)[column]) === key;
  });
}
