/** A stream never takes the `write` pool, where a few exports would delay every write for minutes. */
import { formatTidemark, type Lsn } from '@tidemark/contracts';
import type { ConnectionPool } from '../pool/pool.ts';
import type { PrimaryWatcher } from '../routing/primary-watcher.ts';
import { isReplicasFault, type Router } from '../routing/router.ts';
import { XMIN } from '../transactions/identity-statement.ts';
import { type OpenStream, openStream } from './open-stream.ts';
import type { StreamRequest, StreamSource } from './types.ts';

export interface StreamRouting {
  router: Router;
  analytics: ConnectionPool;
  primary: PrimaryWatcher;
}

/** Tries the primary when a replica fails before the first rows. `begin` ends its transaction when it fails. */
export async function startStream<T>(
  { router, analytics, primary }: StreamRouting,
  request: StreamRequest,
  begin: (stream: OpenStream, from: StreamSource) => Promise<T>,
): Promise<T> {
  const { asked, replica } = await router.streamFrom(request.tidemark);
  const from = (proven: Lsn, source: StreamSource['source'], server: string): StreamSource => {
    const epoch = primary.epoch ?? '';
    return {
      tidemark: formatTidemark(epoch, proven > asked ? proven : asked),
      proven: formatTidemark(epoch, proven),
      source,
      server,
    };
  };
  if (replica !== undefined && request.snapshot === undefined) {
    try {
      const { replayed } = replica.watcher;
      const stream = await openStream(replica.analytics, request, '');
      return await begin(stream, from(replayed, 'replica', replica.analytics.name));
    } catch (error) {
      if (!isReplicasFault(error)) throw error;
      replica.watcher.suspect();
    }
  }
  const stream = await openStream(analytics, request, XMIN);
  const proven = primary.snapshotLsn.provenBy(BigInt(stream.first.xmin));
  return await begin(stream, from(proven, 'primary', analytics.name));
}
