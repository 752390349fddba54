import { tableKey } from '@tidemark/contracts';
import type { Feed } from '../changes/feed.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { type SnapshotVisibility, undecided } from './snapshot-visibility.ts';

/** Wait for the feed to reach a snapshot, ms. After it, a change may be sent although the snapshot holds it; none is lost. */
const FEED_WAIT_MS = 300;

export async function hasUndecided(feed: Feed, plan: LivePlan, visibility: SnapshotVisibility): Promise<boolean> {
  if (visibility.kind !== 'standby' || visibility.after === visibility.until) return false;
  if (visibility.snapshot.xmin >= visibility.snapshot.xmax) return false;
  const isKnown = await feed.reached(visibility.until, FEED_WAIT_MS);
  // A change that is sent twice does no harm where it names its row by a key. Without a key, the row would be counted twice.
  if (!isKnown && plan.facts.key.length === 0) return true;
  const key = tableKey(plan.facts.schema, plan.facts.table);
  const recent = feed.ring.since(key, feed.ring.floor?.sequence ?? 0) ?? [];
  return recent.some((envelope) => undecided(visibility, envelope));
}
