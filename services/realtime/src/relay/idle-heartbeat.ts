import { every, type Repeating } from '@tidemark/service';
import type { RelayOptions } from './relay-options.ts';
import { emitHeartbeat } from './statements.ts';

/** Time without a commit after which the relay writes a message of its own to the WAL. */
const IDLE_MS = 15_000;

/** Keeps an idle slot moving. `lastCommitAt`: ms since 1970. */
export function emitWhileIdle(
  { database, publication, observe }: Pick<RelayOptions, 'database' | 'publication' | 'observe'>,
  lastCommitAt: () => number,
): Repeating {
  const emit = async () => {
    if (Date.now() - lastCommitAt() >= IDLE_MS) await emitHeartbeat(database.pools.admin, publication);
  };
  // The replication connection notices a primary that is away; this is only for the log.
  const failed = ({ error }: { error: Error }) => observe({ type: 'relay.failed', error });
  return every('relay idle heartbeat', IDLE_MS, emit, failed);
}
