import { usePaused } from '../live/session.ts';
import { format } from '../quantities.tsx';
import { useNow } from './use-now.ts';

/** How old a figure may be before it is grey and says so. */
const MAX_FRESH_MS = 15_000;

/** Returns the age in ms of figures that are too old to be taken for those of now; undefined while they are fresh. */
export function useStaleAge(at: number | undefined, maxMs = MAX_FRESH_MS): number | undefined {
  const paused = usePaused();
  const now = useNow(at !== undefined);
  if (at === undefined || paused) return undefined;
  return now - at > maxMs ? now - at : undefined;
}

/** Time since `since`, which goes on. */
export function Since({ since }: { since: number }) {
  const now = useNow();
  return <time dateTime={new Date(since).toISOString()}>{format(Math.max(0, now - since), 'ms')}</time>;
}
