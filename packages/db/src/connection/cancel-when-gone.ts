import { errors } from '../errors.ts';
import type { Client } from '../types.ts';
import { cancelBackend } from './cancel-backend.ts';
import type { PooledConnection } from './connection.ts';

/** A cancel request takes a connection of its own: a statement that ends by itself within this time does not cost one. */
const GRACE_MS = 20;

export interface Watched {
  client: Client | undefined;
  withinMs: number;
  /** False while only a COMMIT is unanswered, since its outcome must become known. */
  mayCancel(): boolean;
}

export class StatementWatch {
  isOverdue = false;
  readonly #connection: PooledConnection;
  readonly #watched: Watched;
  readonly #forget: (() => void) | undefined;
  readonly #deadline: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;
  #cancelling: Promise<void> | undefined;

  constructor(connection: PooledConnection, watched: Watched) {
    this.#connection = connection;
    this.#watched = watched;
    const { client, withinMs } = watched;
    this.#forget = client?.onGone(() => {
      this.#grace = setTimeout(() => this.#cancel(), GRACE_MS);
    });
    if (withinMs === 0) return;
    this.#deadline = setTimeout(() => {
      this.isOverdue = true;
      this.#cancel();
    }, withinMs);
  }

  /** A returned promise must settle before the release: the cancel request could still hit the next statement. */
  end(): Promise<void> | undefined {
    this.#forget?.();
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    return this.#cancelling;
  }

  #cancel(): void {
    const connection = this.#connection;
    if (this.#cancelling !== undefined || connection.pendingCount === 0 || !this.#watched.mayCancel()) return;
    if (connection.secret === 0) {
      // Without a secret no cancel request is possible, as behind a proxy that hides its backends. Postgres notices the lost connection
      // within 2 s.
      connection.discard(errors.CLIENT_GONE(), true);
      return;
    }
    this.#cancelling = cancelBackend(connection).catch((cause: Error) =>
      connection.discard(errors.CLIENT_GONE(undefined, { cause }), true),
    );
  }
}
