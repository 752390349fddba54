/** Sends the protocol's CancelRequest for a backend, on a connection of its own that the server closes. */
import { once } from 'node:events';
import type { PooledConnection } from './connection.ts';
import { connectSocket } from './socket.ts';

const TIMEOUT_MS = 2_000;
const CANCEL_CODE = 80_877_102;

export async function cancelBackend(connection: Pick<PooledConnection, 'pid' | 'secret' | 'target'>): Promise<void> {
  const { pid, secret, target } = connection;
  if (secret === 0) return;
  const request = Buffer.alloc(16);
  request.writeUInt32BE(16, 0);
  request.writeUInt32BE(CANCEL_CODE, 4);
  request.writeUInt32BE(pid, 8);
  request.writeUInt32BE(secret, 12);
  const socket = await connectSocket(target, AbortSignal.timeout(TIMEOUT_MS));
  socket.resume();
  const closed = once(socket, 'close');
  socket.end(request);
  await closed;
}
