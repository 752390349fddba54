import { Agent, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { type Case, cases } from './cases.ts';
import { type Answered, judge } from './judge.ts';
import { REFILL_SQL, VERDICT_SQL } from './schema.ts';

export interface FuzzOptions {
  url: string;
  token: string;
  /** Runs a statement as the database's owner. */
  query(text: string): Promise<readonly Record<string, unknown>[]>;
  requests: number;
  seed: number;
  /** Stops early, ms; default: never. */
  deadlineMs?: number;
}

export interface FuzzResult {
  sent: number;
  statuses: Record<number, number>;
  slowest: { ms: number; request: string };
  /** The first 20, each with its request. */
  faults: string[];
}

/** Concurrent requests, so that the database is asked several things at once, too. */
const CONCURRENCY = 12;
const BATCH = 250;
const LIMIT_MS = 20_000;
const MOST_FAULTS = 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { url, token, query, requests, seed, deadlineMs = Number.POSITIVE_INFINITY } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  const result: FuzzResult = { sent: 0, statuses: {}, slowest: { ms: 0, request: '' }, faults: [] };
  const began = performance.now();
  const fault = (text: string) => void (result.faults.length < MOST_FAULTS && result.faults.push(text));
  await query(REFILL_SQL);
  const [before] = await query(VERDICT_SQL);

  async function ask(one: Case): Promise<void> {
    const sentAt = performance.now();
    const answer = await send(agent, url, token, one).catch((error: Error) => error);
    result.sent += 1;
    const ms = performance.now() - sentAt;
    if (ms > result.slowest.ms) result.slowest = { ms, request: JSON.stringify(one) };
    const wrong = answer instanceof Error ? `there was none: ${answer.message}` : judge(one, answer);
    if (!(answer instanceof Error)) result.statuses[answer.status] = (result.statuses[answer.status] ?? 0) + 1;
    if (wrong !== undefined) {
      fault(`${wrong}\n  ${JSON.stringify(one)}\n  ${answer instanceof Error ? '' : answer.body.slice(0, 500)}`);
    }
  }
  for (let at = 0; at < requests && performance.now() - began < deadlineMs; at += BATCH) {
    const batch = fc.sample(cases, { numRuns: Math.min(BATCH, requests - at), seed: seed + at });
    const worker = async () => {
      for (let one = batch.pop(); one !== undefined; one = batch.pop()) await ask(one);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    await query(REFILL_SQL);
  }
  agent.destroy();
  const [after] = await query(VERDICT_SQL);
  if (JSON.stringify(after) !== JSON.stringify({ ...before, hits: 0 })) {
    fault(`what is hidden was touched\n  before ${JSON.stringify(before)}\n  after ${JSON.stringify(after)}`);
  }
  const ready = await fetch(`${url}/readyz`);
  if (ready.status !== 200) fault(`the gateway is not ready: ${await ready.text()}`);
  return result;
}

function send(agent: Agent, url: string, token: string, one: Case): Promise<Answered> {
  const headers: Record<string, string> = { ...one.headers };
  if (one.as !== 'anon') headers.authorization = `Bearer ${one.as === 'ada' ? token : tampered(token, one.tamper)}`;
  else delete headers.authorization;
  if (one.body !== undefined) headers['content-length'] = String(Buffer.byteLength(one.body));
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const request = httpRequest({ agent, hostname, port, method: one.method, path: one.url, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    request.setTimeout(LIMIT_MS, () => request.destroy(new Error(`no answer within ${LIMIT_MS} ms`)));
    request.on('error', reject);
    request.end(one.body);
  });
}

/** One character elsewhere than the last, whose lowest bits mean nothing. */
function tampered(token: string, [at, to]: readonly [number, string]): string {
  const index = at % (token.length - 1);
  return token[index] === to ? `${token}x${to}` : token.slice(0, index) + to + token.slice(index + 1);
}
