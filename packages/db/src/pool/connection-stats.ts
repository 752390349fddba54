import type { PoolStats } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';

/** Counts connections by state; that of a pipeline without pending reads counts as idle. */
export function connectionStats(
  connections: Iterable<PooledConnection>,
  idlePipelines: number,
): Pick<PoolStats, 'slots' | 'preparedBytes'> {
  const slots = { connecting: 0, idle: idlePipelines, busy: -idlePipelines, closing: 0 };
  let preparedBytes = 0;
  for (const { state, prepared } of connections) {
    preparedBytes += prepared.bytes;
    if (state === 'draining') slots.busy++;
    else if (state !== 'gone') slots[state]++;
  }
  return { slots, preparedBytes };
}
