import type { Socket } from 'node:net';
import type { Client } from '@tidemark/db';
import type { FastifyRequest } from 'fastify';
import { identityOf } from './identity-of.ts';

/** One listener on each socket, however many requests are pipelined on it: Node warns of more than ten. */
const waiting = new WeakMap<Socket, Set<() => void>>();

export function clientOf(request: FastifyRequest): Client {
  return new RequestClient(request);
}

/** Listens to the socket only while a statement runs on a connection of its own: short reads on a shared one cost nothing. */
class RequestClient implements Client {
  readonly #request: FastifyRequest;
  readonly #socket: Socket;
  #key: string | undefined;
  /** ms charged in advance. */
  #expectedMs = 0;

  constructor(request: FastifyRequest) {
    this.#request = request;
    this.#socket = request.raw.socket;
  }

  /** Kept, as a closed socket has no address. */
  get key(): string {
    this.#key ??= identityOf(this.#request);
    return this.#key;
  }

  expects(ms: number): void {
    const { work } = this.#request.server;
    if (!work.isBusy()) return;
    this.#expectedMs += ms;
    work.charge(this.key, ms);
  }

  spent(ms: number, isFruitless: boolean): void {
    const { work } = this.#request.server;
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
