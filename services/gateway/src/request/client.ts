import type { Socket } from 'node:net';
import type { Client } from '@tidemark/db';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { identityOf } from './identity-of.ts';

/** One listener on each socket, however many requests are pipelined on it: Node warns of more than ten. */
const waiting = new WeakMap<Socket, Set<() => void>>();

export function clientOf(request: FastifyRequest): Client {
  return new RequestClient(request);
}

/**
 * Listens to the socket only while a statement runs on a connection of its own: short reads on a shared one cost nothing.
 * It lets go of the request once the key is known, since what the database keeps for a moment would keep the whole
 * request alive over a garbage collection: a third of what grouped inserts allocate was kept so.
 */
class RequestClient implements Client {
  #request: FastifyRequest | undefined;
  readonly #socket: Socket;
  readonly #work: FastifyInstance['work'];
  /** Kept, as a closed socket has no address. */
  #key = '';
  /** ms charged in advance. */
  #expectedMs = 0;

  constructor(request: FastifyRequest) {
    this.#request = request;
    this.#socket = request.raw.socket;
    this.#work = request.server.work;
  }

  get key(): string {
    if (this.#request !== undefined) {
      this.#key = identityOf(this.#request);
      this.#request = undefined;
    }
    return this.#key;
  }

  expects(ms: number): void {
    const work = this.#work;
    if (!work.isBusy()) return;
    this.#expectedMs += ms;
    work.charge(this.key, ms);
  }

  spent(ms: number, isFruitless: boolean): void {
    const work = this.#work;
    if (this.#expectedMs !== 0) {
      work.charge(this.key, -this.#expectedMs);
      this.#expectedMs = 0;
    }
    if (work.isBusy()) work.charge(this.key, ms, isFruitless);
  }

  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  onGone(listener: () => void): () => void {
    const listeners = waiting.get(this.#socket) ?? listenersOf(this.#socket);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}

function listenersOf(socket: Socket): Set<() => void> {
  const listeners = new Set<() => void>();
  waiting.set(socket, listeners);
  socket.once('close', () => {
    for (const listener of [...listeners]) listener();
    listeners.clear();
  });
  return listeners;
}
