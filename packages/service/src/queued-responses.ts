/**
 * Node emits no 'close' for responses that wait behind another one (HTTP pipelining) when the connection closes: a
 * client could exhaust every limit by pipelining requests and leaving. This file emits it.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function closeQueuedResponses(server: Server): void {
  /** One listener for each socket suffices, however many requests are pipelined on it. */
  const queued = new WeakMap<Socket, Set<ServerResponse>>();

  function follow(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    queued.set(socket, responses);
    socket.once('close', () => {
      for (const response of responses) {
        // Node closes a response that is being sent.
        if (response.socket !== null || response.destroyed) continue;
        response.destroyed = true;
        response.emit('close');
      }
      responses.clear();
    });
    return responses;
  }

  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    // An injected request has no socket that closes.
    if (response.socket !== null || typeof socket?.once !== 'function') return;
    const responses = queued.get(socket) ?? follow(socket);
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
}
