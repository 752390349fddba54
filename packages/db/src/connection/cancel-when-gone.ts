/** Ends what runs on a lease when nobody waits for it any more, or when its time is over. */
import { errors } from '../errors.ts';
import type { Client } from '../types.ts';
import { cancelBackend } from './cancel-backend.ts';
import type { PooledConnection } from './connection.ts';

/** A cancel request is a connection of its own: a statement that ends by itself within this time does not cost one. */
const GRACE_MS = 20;

export interface Watched {
  client: Client | undefined;
  /** Most time for all statements together; 0: no limit. */
  withinMs: number;
  /** False while only a COMMIT is unanswered: what it does is done, and its outcome must become known. */
  mayCancel(): boolean;
}

export class StatementWatch {
  /** The time for all statements is over. */
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

  /**
   * To be called before the connection is released. Undefined: it may be at once. Else it may when this has settled: until the server has
   * closed the connection of a cancel request, that could still hit the next statement, which is somebody else's.
   */
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
      // It cannot be cancelled, as behind a proxy that hides its backends. Postgres notices the lost connection within 2 s.
      connection.discard(errors.CLIENT_GONE(), true);
      return;
    }
    this.#cancelling = cancelBackend(connection).catch((cause: Error) =>
      connection.discard(errors.CLIENT_GONE(undefined, { cause }), true),
    );
  }
}
