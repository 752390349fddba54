/**
 * Closes responses that wait behind another response of their connection (HTTP pipelining). Node emits no 'close' for them
 * when the connection closes, so whatever their requests hold (a place, bytes, a descriptor) would be held forever: a
 * client could exhaust every limit by pipelining requests and leaving. This file emits 'close' on them.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function closeQueuedResponses(server: Server): void {
  /** Adds one listener to each socket, however many requests are pipelined on it. */
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
    // Most responses need not wait and have their socket already. An injected request has none that closes.
    if (response.socket !== null || typeof socket?.once !== 'function') return;
    const responses = queued.get(socket) ?? follow(socket);
    responses.add(response);
    response.once('close', () => responses.delete(response));
  });
}
