/**
 * A key set at an address, which the issuer rotates. There is no timer: requests for keys refresh them.
 *
 *    no keys yet           the token waits for the fetch; if it fails: 503, retried after the cool-down
 *    keys older than age   used, and fetched again in the background
 *    unknown `kid`         fetched again at once (the issuer has rotated), at most once per cool-down, so that tokens
 *                          with made-up key ids do not load the issuer
 *    a fetch fails         the current keys stay in use; health reports the failure
 */
import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type FlattenedJWSInput, type JWTHeaderParameters, errors as jose } from 'jose';
import { authErrors } from '../errors.ts';
import { type PublicKeySet, publicKeySet } from './key-set.ts';

export interface KeySourceOptions {
  url: string;
  /** ms after which keys are fetched again; default 600,000. */
  jwksMaxAgeMs?: number;
  jwksCooldownMs?: number;
  /** Time limit of a fetch, ms; default 5,000. */
  jwksTimeoutMs?: number;
  onChanged: () => void;
  observe?: (event: KeyEvent) => void;
}

export type KeyEvent =
  | { type: 'auth.keys_changed'; keys: number; from: string }
  | { type: 'auth.keys_failed'; from: string; error: Error };

/** A set of 100 RSA keys with certificates has about 500 KB. */
const MAX_BYTES = 1024 ** 2;

export class KeySource {
  generation = 0;
  failing: string | undefined;
  readonly #options: KeySourceOptions;
  #set: PublicKeySet | undefined;
  #fetchedAt = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: KeySourceOptions) {
    this.#options = options;
    void this.#refresh();
  }

  get isEmpty(): boolean {
    return this.#set === undefined;
  }

  get size(): number {
    return this.#set?.size ?? 0;
  }

  get ageMs(): number {
    return this.#set ? performance.now() - this.#fetchedAt : 0;
  }

  describe(): string {
    return this.#set ? `those of ${Math.round(this.ageMs / 1_000)} s ago are in use` : 'there are none';
  }

  /** @throws AUTH_KEYS_UNAVAILABLE; jose's JWKSNoMatchingKey, JWKSMultipleMatchingKeys */
  async key(header: JWTHeaderParameters, token: FlattenedJWSInput) {
    this.keepFresh();
    if (!this.#set) await (this.#fetching ?? this.#refreshUnlessCooling());
    if (!this.#set) throw authErrors.KEYS_UNAVAILABLE({ reason: this.failing ?? 'they are being fetched' });
    try {
      return await this.#set.key(header, token);
    } catch (error) {
      const before = this.generation;
      if (error instanceof jose.JWKSNoMatchingKey) await (this.#fetching ?? this.#refreshUnlessCooling());
      if (before === this.generation) throw error;
      return await this.#set.key(header, token);
    }
  }

  keepFresh(): void {
    const maxAgeMs = this.#options.jwksMaxAgeMs ?? 600_000;
    if (!this.#set || this.failing !== undefined || this.ageMs > maxAgeMs) void this.#refreshUnlessCooling();
  }

  #refreshUnlessCooling(): Promise<void> | undefined {
    const cooldownMs = this.#options.jwksCooldownMs ?? 10_000;
    return performance.now() - this.#triedAt < cooldownMs ? undefined : this.#refresh();
  }

  /** Never rejects; one fetch at a time. */
  #refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { url, jwksTimeoutMs, observe, onChanged } = this.#options;
    this.#triedAt = performance.now();
    try {
      const set = publicKeySet(await textAt(url, jwksTimeoutMs ?? 5_000), 'the answer');
      this.#fetchedAt = performance.now();
      this.failing = undefined;
      if (set.text === this.#set?.text) return;
      this.#set = set;
      this.generation += 1;
      onChanged();
      observe?.({ type: 'auth.keys_changed', keys: set.size, from: url });
    } catch (thrown) {
      const error = thrown as Error & { cause?: Error };
      this.failing = [error.message.replaceAll('\n', ' '), error.cause?.message]
        .filter(Boolean)
        .join(': ')
        .slice(0, 300);
      observe?.({ type: 'auth.keys_failed', from: url, error });
    }
  }
}

async function textAt(url: string, timeoutMs: number): Promise<string> {
  if (!/^https?:/i.test(url)) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : url;
    const { size } = await stat(path);
    if (size > MAX_BYTES)
      throw authErrors.KEYS_ANSWER({ reason: `${path} has ${size} bytes; ${MAX_BYTES} are the most` });
    return readFile(path, 'utf8');
  }
  const response = await fetch(url, {
    // An open redirect of the issuer must not choose the keys.
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw authErrors.KEYS_ANSWER({ reason: `${url} answered ${response.status}` });
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw authErrors.KEYS_ANSWER({ reason: `${url} sent more than ${MAX_BYTES} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
