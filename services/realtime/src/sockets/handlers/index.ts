import type { ClientFrame } from '@tidemark/contracts';
import { serverFrame } from '../../topics/frame.ts';
import type { Connection } from '../connection.ts';
import { handleAuth } from './auth.ts';
import { handleChannel } from './channels.ts';
import { handleSubscribe } from './subscribe.ts';
import { handleUnsubscribe } from './unsubscribe.ts';

const PONG = serverFrame({ op: 'pong' });

export async function handleFrame(connection: Connection, frame: ClientFrame): Promise<void> {
  switch (frame.op) {
    case 'auth':
      return handleAuth(connection, frame);
    case 'subscribe':
      return handleSubscribe(connection, frame);
    case 'unsubscribe':
      return handleUnsubscribe(connection, frame);
    case 'ping':
      connection.tell(PONG);
      return;
    default:
      return handleChannel(connection, frame);
  }
}
