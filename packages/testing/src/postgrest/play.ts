import { isDeepStrictEqual } from 'node:util';
import type { Expected, PostgrestCase } from './case.ts';

export interface Gateways {
  readonly url: string;
  /** The address of the gateway with a pre-request function. */
  readonly preRequestUrl: string;
  token(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

export interface Played {
  readonly of: PostgrestCase;
  /** Empty: it passes. */
  readonly differences: readonly string[];
}

/** Requests that are sent at the same time: each is rolled back, and independent of the others. */
const CONCURRENT = 8;

export async function playCases(gateways: Gateways, cases: readonly PostgrestCase[]): Promise<Played[]> {
  const played: Played[] = [];
  for (let at = 0; at < cases.length; at += CONCURRENT) {
    const some = cases.slice(at, at + CONCURRENT);
    played.push(...(await Promise.all(some.map(async (of) => ({ of, differences: await playCase(gateways, of) })))));
  }
  return played;
}

export const passedPercent = (played: readonly Played[]): number =>
  (100 * played.filter(({ differences }) => differences.length === 0).length) / played.length;

export const nameOf = ({ group, method, path, headers = {} }: PostgrestCase): string =>
  [group, method, path, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join(' ');

async function playCase(gateways: Gateways, one: PostgrestCase): Promise<string[]> {
  const { method, path, body, as, expected } = one;
  const headers = new Headers(one.headers);
  if (typeof as === 'string') headers.set('authorization', as);
  else if (as) headers.set('authorization', `Bearer ${await gateways.token(typeof as === 'function' ? as() : as)}`);
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  if (body !== undefined && !isRaw && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const base = one.gateway === 'pre-request' ? gateways.preRequestUrl : gateways.url;
  try {
    const response = await fetch(`${base}/rest/v1${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(ANSWER_MS),
      ...(body === undefined ? {} : { body: isRaw ? (body as RequestInit['body'] & {}) : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return differencesOf(expected, response, bytes);
  } catch (error) {
    return [`no answer: ${(error as Error).message}`];
  }
}

/** A request takes some ms, on a busy machine too. */
const ANSWER_MS = 20_000;

function differencesOf({ status = 200, json, text, bytes, headers = {} }: Expected, got: Response, body: Buffer) {
  const found: string[] = [];
  const compare = (what: string, wanted: unknown, received: unknown) => {
    if (!isDeepStrictEqual(wanted, received))
      found.push(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(received)}`);
  };
  const answer = body.toString();
  if (got.status !== status) found.push(`status: expected ${status}, got ${got.status} ${answer.slice(0, 300)}`);
  if (json !== undefined) compare('body', json, membersOf(json, parsed(answer), status));
  if (text !== undefined) compare('body', text, answer);
  if (bytes !== undefined) compare('bytes', bytes, body.toString('hex'));
  for (const [name, wanted] of Object.entries(headers)) {
    compare(name, wanted, got.headers.get(name)?.replace('/rest/v1/', '/') ?? null);
  }
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `no JSON: ${text}`;
  }
}

/** Our errors have more members than PostgREST's (RFC 9457). */
function membersOf(wanted: unknown, received: unknown, status: number): unknown {
  if (status < 300 || typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return received;
  const all = received as Record<string, unknown>;
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, all[name] ?? null]));
}
