/**
 * Node emits no 'close' for responses that wait behind another one (HTTP pipelining) when the connection closes: a
 * client could exhaust every limit by pipelining requests and leaving. This class emits it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class QueuedResponses {
  /** One listener for each socket suffices, however many requests are pipelined on it. */
  readonly #queued = new WeakMap<Socket, Set<ServerResponse>>();

  /** Call it for a response that has no socket yet, because another one is being sent on the socket of its request. */
  add({ socket }: IncomingMessage, response: ServerResponse): void {
    const responses = this.#queued.get(socket) ?? this.#follow(socket);
    responses.add(response);
    response.once('close', () => responses.delete(response));
  }

  #follow(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#queued.set(socket, responses);
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
}
