/**
 * The problems of an established connection: lost, refused (the credentials are no longer valid), or denied a subject.
 *
 *   connected ──disconnect──► lost ──authorization error──► refused
 *       ▲                       │                              │
 *       └──────reconnect────────┴──────────────────────────────┘      denied subjects are kept beside the state
 */
import type { TidemarkError } from '@tidemark/contracts';
import { AuthorizationError, PermissionViolationError, UserAuthenticationExpiredError } from 'nats';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';

/** How long a denied publish counts as a problem and is not reported again. */
const DENIED_MS = 60_000;
/** Denied subjects kept; one is enough to make the service not ready. */
const MAX_DENIED = 32;

interface Denied {
  error: TidemarkError;
  subscribe: boolean;
  reportedAt: number;
  lastAt: number;
}

export class ConnectionProblems {
  readonly #observe: (event: BusEvent) => void;
  #server: string;
  #connected = true;
  #refused: TidemarkError | undefined;
  readonly #denied = new Map<string, Denied>();

  constructor(server: string, observe: (event: BusEvent) => void) {
    this.#server = server;
    this.#observe = observe;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Whether the server refuses the credentials; frequent attempts would only fill its log. */
  get refused(): boolean {
    return this.#refused !== undefined;
  }

  lost(): TidemarkError {
    return this.#refused ?? errors.DISCONNECTED({ server: this.#server });
  }

  disconnected(): void {
    // The client repeats this status for each failed attempt.
    if (!this.#connected) return;
    this.#connected = false;
    this.#observe({ type: 'bus.disconnected', server: this.#server });
  }

  reconnected(server: string): void {
    this.#connected = true;
    this.#refused = undefined;
    this.#server = server;
    this.#observe({ type: 'bus.reconnected', server });
  }

  failed(error: Error, now = Date.now()): void {
    if (isRefusal(error)) this.#refuse(error);
    else if (error instanceof PermissionViolationError) this.#deny(error, now);
    else this.#observe({ type: 'bus.error', error });
  }

  describe(now = Date.now()): string | undefined {
    if (!this.#connected) return this.lost().message;
    for (const { error, subscribe, lastAt } of this.#denied.values()) {
      // The server drops a denied subscription: it receives nothing until the service starts again.
      if (subscribe || now - lastAt < DENIED_MS) return error.message;
    }
    return undefined;
  }

  #refuse(cause: Error): void {
    if (this.#refused) return;
    this.#refused = errors.UNAUTHORIZED({ servers: this.#server, reason: cause.message }, { cause });
    this.#observe({ type: 'bus.unauthorized', error: this.#refused });
  }

  #deny(cause: PermissionViolationError, now: number): void {
    const subscribe = cause.operation === 'subscription';
    const key = `${cause.operation} ${cause.subject}`;
    const known = this.#denied.get(key);
    if (known) known.lastAt = now;
    if (known && now - known.reportedAt < DENIED_MS) return;
    const error = permissionError(cause);
    if (known || this.#denied.size < MAX_DENIED) {
      this.#denied.set(key, { error, subscribe, reportedAt: now, lastAt: now });
    }
    this.#observe({ type: 'bus.permission_denied', error });
  }
}

/** Whether the credentials are wrong or have expired. An authorization timeout of a slow server is not a refusal. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof UserAuthenticationExpiredError) return true;
  return error instanceof AuthorizationError && !/timeout/i.test(error.message);
}

export function permissionError(cause: PermissionViolationError): TidemarkError {
  const operation = cause.operation === 'subscription' ? 'subscribe to' : 'publish on';
  return errors.PERMISSION_DENIED({ operation, subject: cause.subject || 'a subject' }, { cause });
}

/** Returns the permission violation in an error of the client, which wraps it where a request failed. */
export function violationIn(error: unknown): PermissionViolationError | undefined {
  if (error instanceof PermissionViolationError) return error;
  const { cause } = error as { cause?: unknown };
  return cause instanceof PermissionViolationError ? cause : undefined;
}
