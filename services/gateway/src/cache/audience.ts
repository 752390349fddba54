/** The clients that wait for one statement are one client, which is gone when all of them are. */
import type { Client } from '@tidemark/db';

export class Audience implements Client {
  readonly #clients: Client[] = [];
  readonly #listeners = new Set<() => void>();
  #forget: (() => void)[] = [];

  add(client: Client): void {
    this.#clients.push(client);
    if (this.#listeners.size > 0) this.#forget.push(client.onGone(this.#onOneGone));
  }

  /** The answer counts for the client that asked first. */
  get key(): string | undefined {
    return this.#clients[0]?.key;
  }

  expects(ms: number): void {
    this.#clients[0]?.expects?.(ms);
  }

  spent(ms: number, isFruitless: boolean): void {
    this.#clients[0]?.spent?.(ms, isFruitless);
  }

  get isGone(): boolean {
    return this.#clients.every(({ isGone }) => isGone);
  }

  onGone(listener: () => void): () => void {
    if (this.#listeners.size === 0) this.#forget = this.#clients.map((client) => client.onGone(this.#onOneGone));
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#forgetClients();
    };
  }

  readonly #onOneGone = (): void => {
    if (!this.isGone) return;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#forgetClients();
    for (const listener of listeners) listener();
  };

  #forgetClients(): void {
    for (const forget of this.#forget) forget();
    this.#forget = [];
  }
}
