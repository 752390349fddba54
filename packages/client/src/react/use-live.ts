import { useEffect, useState } from 'react';
import type { TidemarkError } from '../errors.ts';
import type { LiveStatus } from '../live/event.ts';
import type { LiveOptions } from '../live/live-query.ts';
import { type Followable, identityOf } from '../tables.ts';

export interface LiveState<Row> {
  /** The current rows; the same array until the next change. Empty before the first snapshot. */
  readonly rows: readonly Row[];
  readonly status: LiveStatus;
  /** Set while the status is `failed`. */
  readonly error: TidemarkError | undefined;
}

const CONNECTING: LiveState<never> = { rows: [], status: 'connecting', error: undefined };

/**
 * Follows a query while the component is mounted: `useLive(tidemark.from('notes').select())`. The query may be built anew at each
 * render, since equal text through the same client counts as the same query. Null follows nothing.
 */
export function useLive<Row>(
  query: Followable<Row> | null,
  { mode = 'every', snapshot = true, after }: LiveOptions = {},
): LiveState<Row> {
  const key = query === null ? null : identityOf(query);
  const [shown, setShown] = useState<{ key: unknown; state: LiveState<Row> }>({ key, state: CONNECTING });

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the query, which is a new object at each render.
  useEffect(() => {
    if (query === null) return;
    const live = query.live({ mode, snapshot, ...(after === undefined ? {} : { after }) });
    const show = () => setShown({ key, state: { rows: live.rows, status: live.status, error: live.error } });
    live.onChange(show);
    live.onStatus(show);
    // Strict mode mounts twice at once; a query that is closed within a tick is never sent.
    return () => live.close();
  }, [key, mode, snapshot, after]);

  return shown.key === key ? shown.state : CONNECTING;
}
