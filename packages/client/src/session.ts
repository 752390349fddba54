/**
 * What a client carries from call to call: its token, and the tidemark of what it has seen. Every read asks for at least
 * that tidemark, so that it sees the client's own writes and the live changes that it was told of, from whatever replica or
 * cache answers.
 */
import { TidemarkError } from './errors.ts';

/** A JWT, or where to get one: called when there is none yet, before it expires, and when it is refused. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

export interface SessionOptions {
  token: TokenSource | undefined;
  fetch: typeof fetch;
}

/** A token is replaced so long before it expires, in seconds: time for a slow request to get there. */
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

  /** What reads ask for; undefined before the first write or live change. */
  get tidemark(): string | undefined {
    return this.#tidemark;
  }

  /** Whether another token can be had than the one that was refused. */
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

  /** The token to send now; `renew`: not the one that was refused. */
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

  /** Tidemarks sort as text, and those of a later epoch sort behind. */
  advance(tidemark: string | null | undefined): void {
    if (!tidemark) return;
    if (this.#tidemark === undefined || tidemark > this.#tidemark) this.#tidemark = tidemark;
  }

  /** `fetch` with the token and the tidemark; once more where a new token, or forgetting an old epoch's tidemark, helps. */
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

/** The database was restored, or its slot lost: what was seen before is no measure any more. */
async function isOfOldEpoch(response: Response): Promise<boolean> {
  if (response.ok || !(response.headers.get('content-type') ?? '').includes('json')) return false;
  const body = (await response.clone().json()) as { code?: unknown } | null;
  return body?.code === 'DB_EPOCH_CHANGED';
}

/** A stream can be sent only once. */
const isRepeatable = (body: unknown): boolean => !(body instanceof ReadableStream);

function endsSoon(token: string): boolean {
  const expires = expiryOf(token);
  return expires !== undefined && expires - Date.now() / 1_000 < EARLY_S;
}

/** `exp` of a JWT, seconds since 1970; undefined where it has none. Not verified: the server does that. */
function expiryOf(token: string): number | undefined {
  const [, payload] = token.split('.');
  if (payload === undefined) return undefined;
  try {
    const { exp } = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp : undefined;
  } catch (cause) {
    throw new TidemarkError(
      { code: 'CLIENT_TOKEN_INVALID', message: 'the token is no JWT', hint: 'Give the text of a signed JWT.' },
      { cause },
    );
  }
}
