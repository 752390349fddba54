import type { PoolStats } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';

/** Counts connections by state; that of a pipeline without pending reads counts as idle. */
export function connectionsByState(all: Iterable<PooledConnection>, idlePipelines: number): PoolStats['slots'] {
  const connections = { connecting: 0, idle: idlePipelines, busy: -idlePipelines, closing: 0 };
  for (const { state } of all) {
    if (state === 'draining') connections.busy++;
    else if (state !== 'gone') connections[state]++;
  }
  return connections;
}
