/** Handles `unsubscribe`: nothing of the subscription is sent after the answer. */
import type { ClientFrame } from '@tidemark/contracts';
import { errors } from '../../errors.ts';
import { serverFrame } from '../../topics/frame.ts';
import type { Connection } from '../connection.ts';

export async function handleUnsubscribe(
  connection: Connection,
  frame: ClientFrame & { op: 'unsubscribe' },
): Promise<void> {
  const subscription = connection.subscriptions.get(frame.id);
  if (!subscription) throw errors.ID_UNKNOWN({ id: frame.id });
  subscription.end();
  connection.tell(serverFrame({ op: 'unsubscribed', id: frame.id }));
}
