/**
 * Every read asks for at least the tidemark seen so far, so that it sees the client's own writes and received changes,
 * whichever replica or cache answers.
 */
import { TidemarkError } from './errors.ts';

/** A JWT, or a function that returns one: called for the first token, before a token expires, and when one is refused. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface SessionOptions {
  token: TokenSource | undefined;
  fetch: typeof fetch;
}

/** Seconds before its expiry at which a token is replaced: leaves time for a slow request to arrive. */
const EARLY_S = 30;

export class Session {
  #source: TokenSource | undefined;
  #fetch: typeof fetch;
  #token: string | undefined;
  #asking: Promise<string | undefined> | undefined;
  #tidemark: string | undefined;

  constructor(options: SessionOptions) {
    this.#source = options.token;
    this.#fetch = options.fetch;
    if (typeof options.token === 'string') this.#token = options.token;
  }

  /** The tidemark that reads ask for; undefined before the first write or live change. */
  get tidemark(): string | undefined {
    return this.#tidemark;
  }

  get canRenew(): boolean {
    return typeof this.#source === 'function';
  }

  get isAnonymous(): boolean {
    return this.#source === undefined;
  }

  use(source: TokenSource | undefined): void {
    this.#source = source;
    this.#token = typeof source === 'string' ? source : undefined;
  }

  /** Pass `renew` after a refusal: it asks the source for a new token. */
  async token(renew = false): Promise<string | undefined> {
    if (typeof this.#source !== 'function') return this.#token;
    if (!renew && this.#token !== undefined && !endsSoon(this.#token)) return this.#token;
    const source = this.#source;
    this.#asking ??= Promise.resolve()
      .then(source)
      .finally(() => {
        this.#asking = undefined;
      });
    this.#token = await this.#asking;
    return this.#token;
  }

  /** Tidemarks sort as text; those of a later epoch sort after all others. */
  advance(tidemark: string | null | undefined): void {
    if (!tidemark) return;
    if (this.#tidemark === undefined || tidemark > this.#tidemark) this.#tidemark = tidemark;
  }

  /** `fetch` with token and tidemark. Retries once with a new token after 401, and once without the tidemark of a past epoch. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const method = (init.method ?? 'GET').toUpperCase();
    const isRead = method === 'GET' || method === 'HEAD';
    let asked = this.#tidemark;
    let response = await this.#send(input, init, await this.token(), isRead ? asked : undefined);
    if (response.status === 401 && this.canRenew && isRepeatable(init.body)) {
      await response.body?.cancel();
      response = await this.#send(input, init, await this.token(true), isRead ? asked : undefined);
    }
    if (isRead && asked !== undefined && (await isOfOldEpoch(response))) {
      if (this.#tidemark === asked) this.#tidemark = undefined;
      asked = undefined;
      response = await this.#send(input, init, await this.token(), undefined);
    }
    if (!isRead && response.ok) this.advance(response.headers.get('tidemark'));
    return response;
  };

  #send(input: RequestInfo | URL, init: RequestInit, token: string | undefined, tidemark: string | undefined) {
    const headers = new Headers(init.headers);
    if (token !== undefined && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`);
    if (tidemark !== undefined && !headers.has('tidemark')) headers.set('tidemark', tidemark);
    return this.#fetch(input, { ...init, headers });
  }
}

/** The database was restored or its replication slot lost, so that earlier tidemarks mean nothing. */
async function isOfOldEpoch(response: Response): Promise<boolean> {
  if (response.ok || !(response.headers.get('content-type') ?? '').includes('json')) return false;
  const body = (await response.clone().json()) as { code?: unknown } | null;
  return body?.code === 'DB_EPOCH_CHANGED';
}

/** A stream can be read only once. */
const isRepeatable = (body: unknown): boolean => !(body instanceof ReadableStream);

function endsSoon(token: string): boolean {
  const expires = expiryOf(token);
  return expires !== undefined && expires - Date.now() / 1_000 < EARLY_S;
}

/** Returns the claim `exp` of a JWT, seconds since 1970, without verifying the token: the server does that. */
function expiryOf(token: string): number | undefined {
  const [, payload] = token.split('.');
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp : undefined;
  } catch (cause) {
    throw new TidemarkError(
      { code: 'CLIENT_TOKEN_INVALID', message: 'the token is not a JWT', hint: 'Pass a signed JWT in compact form.' },
      { cause },
    );
  }
}
