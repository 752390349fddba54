import type { PoolStats } from '@tidemark/contracts';
import type { PooledConnection } from '../connection/connection.ts';

/** A pipeline without pending reads holds its connection, which is idle all the same. */
export function connectionsByState(all: Iterable<PooledConnection>, idlePipelines: number): PoolStats['slots'] {
  const connections = { connecting: 0, idle: idlePipelines, busy: -idlePipelines, closing: 0 };
  for (const { state } of all) {
    if (state === 'draining') connections.busy++;
    else if (state !== 'gone') connections[state]++;
  }
  return connections;
}
