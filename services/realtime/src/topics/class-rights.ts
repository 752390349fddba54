/**
 * The rights that subscribers of a table share, from the role and from what the policies read of the claims: identities that
 * they cannot tell apart are one class.
 */
import type { Identity } from '@tidemark/db';
import type { RowImage } from '../changes/row-image.ts';
import { readClaims, reduceClaims } from '../policies/claim-paths.ts';
import { type PinnedValue, pinnedValues } from '../policies/pins.ts';
import type { TableFacts } from './table-facts.ts';

export interface ClassRights {
  /** Equal for identities that see the same rows of the table. */
  key: string;
  /** Undefined without row-level security. Its claims are those that the policies read, and no others, wherever that is known. */
  identity: Identity | undefined;
  /** What it may see has one of these values; undefined where it may see any row. */
  pinned: readonly PinnedValue[] | undefined;
}

export function classRights(facts: TableFacts, identity: Identity): ClassRights {
  const { policy, reach } = facts;
  if (policy === undefined) return { key: '', identity: undefined, pinned: undefined };
  const read = readClaims(identity.claims);
  const claims = read && reach.claims !== 'whole' ? reduceClaims(read, reach.claims) : identity.claims;
  return {
    key: JSON.stringify([facts.version, identity.role, claims]),
    identity: { ...identity, claims },
    pinned: read && reach.pins && pinnedValues(reach.pins, read, facts.columns),
  };
}

/** Whether a row of this image may be seen at all; without a value in the image, it may. */
export function maySee(pinned: readonly PinnedValue[] | undefined, image: RowImage): boolean {
  if (!pinned) return true;
  return pinned.some(({ column, keys, key }) => {
    const names = [column];
    return !image.has(names) || keys.value(image.values(names)[column]) === key;
  });
}
