/**
 * Hits of the cache, answered before fastify sees the request. The first hit of a request takes the ordinary path: token, parsing,
 * key, reply, hooks. Its reply's headers are recorded under the raw text of the request (raw-request.ts), and the same text is
 * answered with the same headers from then on while these hold:
 *
 *   - the token still holds: the verifier is asked each time, so an expired token or a removed key takes the ordinary path;
 *   - the catalog is the one by which the request was parsed;
 *   - the cache may serve, and holds the same answer (`ReadCache.current`), not older than the requested tidemark.
 *
 * No body is held here: an answer that the cache drops is gone here, too. The bytes of the records are bounded.
 */
import type { IncomingMessage } from 'node:http';
import { TIDEMARK_HEADER, TIDEMARK_PATTERN, type Tidemark } from '@tidemark/contracts';
import type { Catalog } from '@tidemark/plan';
import type { Coding, FirstHandler, OneWriteResponse, RecordAnswer, VerifiedToken } from '@tidemark/service';
import { LRUCache } from 'lru-cache';
import type { Cache } from '../../cache/cache.ts';
import type { CachedAnswer } from '../../cache/cached-answer.ts';
import type { Caller } from '../../request/caller.ts';
import { rawRequest } from './raw-request.ts';
import { type HeadStart, keepsAlive, RepeatedHeads } from './repeated-heads.ts';

export interface FastPathStep {
  /** Names, in lower case, of the headers that differ from answer to answer. They are not recorded. */
  readonly drops?: readonly string[];
  admit?(request: IncomingMessage, caller: Caller): boolean;
  /** Adds headers: name, value, name, value… */
  readonly head?: ((request: IncomingMessage, headers: string[]) => void) | undefined;
}

export interface RecordedReply extends HeadStart {
  readonly status: number;
  /** Name, value, name, value…; the last value is the tidemark, which is set for each answer. */
  readonly head: string[];
  /** The coding of the body that is sent; `none` for HEAD and 304. */
  readonly coding: Coding | 'plain' | 'none';
  /** The key of the cache's entry. */
  readonly key: string;
  readonly etag: string;
  readonly total: number | null;
  readonly catalog: Catalog;
  readonly caller: Caller;
  readonly asked: Tidemark | undefined;
}

export interface FastPathOptions {
  readonly cache: Cache;
  /** Characters of the records, at two bytes each: V8 takes one, and the head is held as a list and as a text. */
  readonly maxBytes: number;
  readonly steps: readonly FastPathStep[];
  catalog(): Catalog;
  verified(token: string): VerifiedToken | undefined;
  /** Whether the server is being closed: fastify then ends the connections. */
  closing(): boolean;
  readonly recordGet: RecordAnswer;
  readonly recordHead: RecordAnswer;
}

const OVERHEAD_BYTES = 400;
/** Characters of a request's text. Longer requests are seldom repeated. */
const MAX_TEXT_CHARACTERS = 8_192;
const IS_TIDEMARK = new RegExp(TIDEMARK_PATTERN);

export class FastPath {
  readonly #options: FastPathOptions;
  readonly #records: LRUCache<string, RecordedReply>;
  readonly #admitting: readonly FastPathStep[];
  readonly #heading: readonly FastPathStep[];
  readonly #drops: ReadonlySet<string>;
  readonly #heads = new RepeatedHeads();
  #hits = 0;

  constructor(options: FastPathOptions) {
    this.#options = options;
    this.#admitting = options.steps.filter((step) => step.admit);
    this.#heading = options.steps.filter((step) => step.head);
    const drops = options.steps.flatMap((step) => step.drops ?? []);
    this.#drops = new Set([TIDEMARK_HEADER, 'connection', 'date', ...drops]);
    this.#records = new LRUCache({
      maxSize: Math.max(1, Math.floor(options.maxBytes)),
      sizeCalculation: ({ head, key, caller }, text) => {
        const characters = head.reduce((sum, part) => sum + part.length, text.length + key.length);
        return 2 * (characters + (caller.token?.length ?? 0)) + OVERHEAD_BYTES;
      },
    });
  }

  stats(): { hits: number; requests: number; bytes: number } {
    return { hits: this.#hits, requests: this.#records.size, bytes: this.#records.calculatedSize };
  }

  readonly handle: FirstHandler = (request, response) => {
    const startedAt = performance.now();
    const text = rawRequest(request);
    const record = text === undefined ? undefined : this.#records.get(text);
    if (record === undefined) return false;
    const { cache, catalog, verified, closing, recordGet, recordHead } = this.#options;
    const { caller, coding, status } = record;
    if (record.catalog !== catalog() || closing()) return false;
    if (caller.token !== undefined && verified(caller.token) !== caller.verified) return false;
    const asked = record.asked ?? request.headers[TIDEMARK_HEADER];
    if (asked !== undefined && !(typeof asked === 'string' && IS_TIDEMARK.test(asked))) return false;
    const current = cache.current(record, asked);
    if (current === undefined) return false;
    const body = bodyOf(current.answer, coding);
    if (body === undefined) return false;
    for (const step of this.#admitting) if (!step.admit?.(request, caller)) return false;
    cache.served();
    this.#hits += 1;
    this.#send(request, response, record, current.tidemark, body);
    const count = request.method === 'GET' ? recordGet : recordHead;
    if (response.socket?.writableLength === 0) count(status, performance.now() - startedAt);
    else response.once('finish', () => count(status, performance.now() - startedAt));
    return true;
  };

  record(request: IncomingMessage, headers: Record<string, unknown>, reply: Omit<RecordedReply, 'head'>): void {
    const text = rawRequest(request);
    if (text === undefined || text.length > MAX_TEXT_CHARACTERS) return;
    const head: string[] = [];
    for (const [name, value] of Object.entries(headers)) {
      if (this.#drops.has(name) || value === undefined) continue;
      for (const one of Array.isArray(value) ? value : [value]) head.push(name, String(one));
    }
    head.push(TIDEMARK_HEADER, '');
    this.#records.set(text, { ...reply, head });
  }

  #send(
    request: IncomingMessage,
    response: OneWriteResponse,
    record: RecordedReply,
    tidemark: Tidemark,
    body: Buffer | string,
  ): void {
    const { status, head } = record;
    const isRepeated = this.#heading.length === 0 && keepsAlive(request, response);
    const repeated = isRepeated ? this.#heads.get(record, tidemark) : undefined;
    if (repeated !== undefined) {
      response.endWithHead(status, repeated, body);
      return;
    }
    // The list is shared by all hits of the record: writeHead reads it before it returns.
    head[head.length - 1] = tidemark;
    response.writeHead(status, this.#heading.length === 0 ? head : this.#headed(request, head));
    if (isRepeated) this.#heads.take(record, tidemark, response);
    if (body === '') response.end();
    else response.end(body);
  }

  #headed(request: IncomingMessage, head: readonly string[]): string[] {
    const headers = [...head];
    for (const step of this.#heading) step.head?.(request, headers);
    return headers;
  }
}

function bodyOf(answer: CachedAnswer, coding: RecordedReply['coding']): Buffer | string | undefined {
  if (coding === 'plain') return answer.body;
  return coding === 'none' ? '' : answer.coded?.get(coding);
}
