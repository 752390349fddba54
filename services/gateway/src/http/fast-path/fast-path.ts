/**
 * Hits of the cache, sent before fastify sees the request. The first hit of a request goes the long way: token, parsing, key,
 * reply, hooks. What it left with is recorded under its raw text (raw-request.ts), and the same text is answered with the
 * same headers from then on, as long as
 *
 *   - the token still holds: the verifier is asked each time, so one that has expired or whose key is gone gets the long way;
 *   - the catalog is the one by which it was understood;
 *   - the cache may serve, and holds the same answer (`ReadCache.current`), not older than the Tidemark that is asked for.
 *
 * The front holds no body: what the cache drops is gone from here, too. Its own bytes are counted and bounded.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { TIDEMARK_HEADER, TIDEMARK_PATTERN, type Tidemark } from '@tidemark/contracts';
import type { Catalog } from '@tidemark/plan';
import type { Coding, RecordAnswer, VerifiedToken } from '@tidemark/service';
import { LRUCache } from 'lru-cache';
import type { Cache } from '../../cache/cache.ts';
import type { CachedAnswer } from '../../cache/cached-answer.ts';
import type { Caller } from '../plugins/identity.ts';
import { rawRequest } from './raw-request.ts';

/** Something that is to happen with every answer, made once at start; what is switched off is not in the list. */
export interface FastPathStep {
  /** Names, in lower case, of the headers that differ from answer to answer: they are not recorded. */
  readonly drops?: readonly string[];
  /** Asked before a hit is sent, and counts it; false: fastify gets the request. */
  admit?(request: IncomingMessage, caller: Caller): boolean;
  /** Adds headers: name, value, name, value… */
  readonly head?: ((request: IncomingMessage, headers: string[]) => void) | undefined;
}

/** What was sent for a hit. */
export interface Recorded {
  readonly status: number;
  /** Name, value, name, value…; the last value is the tidemark, which is put in each time. */
  readonly head: string[];
  /** Of the body that is sent; `none` for HEAD and 304. */
  readonly coding: Coding | 'plain' | 'none';
  /** Of the cache. */
  readonly key: string;
  readonly etag: string;
  readonly total: number | null;
  readonly catalog: Catalog;
  readonly caller: Caller;
  /** Of `?tidemark=`, which comes before the header. */
  readonly asked: Tidemark | undefined;
}

export interface FastPathOptions {
  readonly cache: Cache;
  /** Characters of what is recorded, at two bytes each. */
  readonly maxBytes: number;
  readonly steps: readonly FastPathStep[];
  catalog(): Catalog;
  /** A token that still holds. */
  verified(token: string): VerifiedToken | undefined;
  /** The server is being closed: its connections end, which is for fastify to say. */
  closing(): boolean;
  readonly recordGet: RecordAnswer;
  readonly recordHead: RecordAnswer;
}

const OVERHEAD_BYTES = 400;
/** Longer ones are seldom repeated. */
const MAX_TEXT_CHARACTERS = 8_192;
const IS_TIDEMARK = new RegExp(TIDEMARK_PATTERN);

export class FastPath {
  readonly #options: FastPathOptions;
  readonly #recorded: LRUCache<string, Recorded>;
  readonly #admitting: readonly FastPathStep[];
  readonly #heading: readonly FastPathStep[];
  /** Headers that are not recorded: of the answer, of the connection, and of the steps. */
  readonly #drops: ReadonlySet<string>;
  #hits = 0;

  constructor(options: FastPathOptions) {
    this.#options = options;
    this.#admitting = options.steps.filter((step) => step.admit);
    this.#heading = options.steps.filter((step) => step.head);
    this.#drops = new Set([
      TIDEMARK_HEADER,
      'connection',
      'date',
      ...options.steps.flatMap((step) => step.drops ?? []),
    ]);
    this.#recorded = new LRUCache({
      maxSize: Math.max(1, Math.floor(options.maxBytes)),
      sizeCalculation: ({ head, key, caller }, text) =>
        2 *
          (text.length + key.length + (caller.token?.length ?? 0) + head.reduce((sum, part) => sum + part.length, 0)) +
        OVERHEAD_BYTES,
    });
  }

  stats(): { hits: number; requests: number; bytes: number } {
    return { hits: this.#hits, requests: this.#recorded.size, bytes: this.#recorded.calculatedSize };
  }

  /** @returns whether it was answered */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const startedAt = performance.now();
    const text = rawRequest(request);
    const recorded = text === undefined ? undefined : this.#recorded.get(text);
    if (recorded === undefined) return false;
    const { cache, catalog, verified, closing, recordGet, recordHead } = this.#options;
    const { caller, coding, head, status } = recorded;
    if (recorded.catalog !== catalog() || closing()) return false;
    if (caller.token !== undefined && verified(caller.token) !== caller.verified) return false;
    const asked = recorded.asked ?? request.headers[TIDEMARK_HEADER];
    if (asked !== undefined && !(typeof asked === 'string' && IS_TIDEMARK.test(asked))) return false;
    const current = cache.current(recorded, asked);
    if (current === undefined) return false;
    const body = bodyOf(current.answer, coding);
    if (body === undefined) return false;
    for (const step of this.#admitting) if (!step.admit?.(request, caller)) return false;
    cache.served();
    this.#hits += 1;
    // Not shared by two at a time: writeHead reads it before it returns.
    head[head.length - 1] = current.tidemark;
    response.writeHead(status, this.#heading.length === 0 ? head : this.#headed(request, head));
    if (body === '') response.end();
    else response.end(body);
    const record = request.method === 'GET' ? recordGet : recordHead;
    if (response.socket?.writableLength === 0) record(status, performance.now() - startedAt);
    else response.once('finish', () => record(status, performance.now() - startedAt));
    return true;
  }

  /** `headers` as they leave the last hook. */
  learn(request: IncomingMessage, headers: Record<string, unknown>, recorded: Omit<Recorded, 'head'>): void {
    const text = rawRequest(request);
    if (text === undefined || text.length > MAX_TEXT_CHARACTERS) return;
    const head: string[] = [];
    for (const [name, value] of Object.entries(headers)) {
      if (this.#drops.has(name) || value === undefined) continue;
      // A list is more than one line of the same name.
      for (const one of Array.isArray(value) ? value : [value]) head.push(name, String(one));
    }
    head.push(TIDEMARK_HEADER, '');
    this.#recorded.set(text, { ...recorded, head });
  }

  #headed(request: IncomingMessage, head: readonly string[]): string[] {
    const headers = [...head];
    for (const step of this.#heading) step.head?.(request, headers);
    return headers;
  }
}

function bodyOf(answer: CachedAnswer, coding: Recorded['coding']): Buffer | string | undefined {
  if (coding === 'plain') return answer.body;
  return coding === 'none' ? '' : answer.coded?.get(coding);
}
