import type { SubscribeFrame } from '@tidemark/contracts';
import { errors } from '../../errors.ts';
import type { Connection } from '../connection.ts';

export async function handleSubscribe(connection: Connection, frame: SubscribeFrame): Promise<void> {
  const { id, query, profile, snapshot, after, mode } = frame;
  const { subscriptions } = connection;
  const { topics, limits, admission } = connection.context;
  if (subscriptions.has(id)) throw errors.ID_IN_USE({ id });
  if (subscriptions.size >= limits.maxSubscriptions) {
    throw errors.SOCKET_SUBSCRIPTIONS({ limit: limits.maxSubscriptions });
  }
  const release = admission.subscribing(connection.holder);
  try {
    const subscription = await topics.subscribe({
      id,
      query,
      profile,
      snapshot: snapshot ?? false,
      mode: mode ?? 'every',
      after,
      identity: connection.identity,
      sink: connection,
      onEnd(ended) {
        release();
        if (subscriptions.get(ended.id) === ended) subscriptions.delete(ended.id);
      },
      existing: (topicId) => [...subscriptions.values()].find((other) => other.topicId === topicId),
    });
    // A subscription at a position that is too old has ended already.
    if (!subscription.ended) subscriptions.set(id, subscription);
  } catch (error) {
    release();
    throw error;
  }
}
