import type { parsePosition } from '@tidemark/contracts';
import type { SubscriptionVisibility } from '../snapshots/snapshot-visibility.ts';
import type { TableFacts } from '../tables/table-facts.ts';

export type ResumePlace = SubscriptionVisibility | { kind: 'refused'; reason: string };

/** A changed definition changes the result without changing rows, so a position before it cannot be resumed. */
export function resumeAt(
  { epoch, lsn, index }: ReturnType<typeof parsePosition>,
  { since }: Pick<TableFacts, 'since'>,
  current: string | undefined,
): ResumePlace {
  const refused = (reason: string) => ({ kind: 'refused', reason }) as const;
  if (epoch !== current) return refused('the position belongs to another epoch');
  if (since === undefined) return refused('whether the table has changed since the position is not known yet');
  // A client may have the position `since` itself with the former definition.
  if (lsn <= since) return refused('the table, its policies or the roles have changed since the position');
  return { kind: 'position', lsn, index };
}
