/**
 * Responses that wait behind another one of their connection (HTTP pipelining). Node tells none of them when the connection
 * closes: without 'close', what a request holds (a place, bytes, a descriptor) would be held for ever, so that a client could use
 * up every limit by pipelining requests and leaving. Here they get their 'close' like the one that is being sent.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function closeQueuedResponses(server: Server): void {
  /** One listener on each socket, however many requests are pipelined on it. */
  const queued = new WeakMap<Socket, Set<ServerResponse>>();

  function follow(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    queued.set(socket, responses);
    socket.once('close', () => {
      for (const response of responses) {
        // Node itself closes a response whose turn has come.
        if (response.socket !== null || response.destroyed) continue;
        response.destroyed = true;
        response.emit('close');
      }
      responses.clear();
    });
    return responses;
  }

  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    // A response that need not wait has its socket already, which is nearly all of them. An injected request has none that closes.
    if (response.socket !== null || typeof socket?.once !== 'function') return;
    const responses = queued.get(socket) ?? follow(socket);
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
}
