/**
 * Clients insert rows with unique ids and read rows by key. The load records the acknowledged ids, and the time and
 * status of each request.
 */
import { withClient } from '@tidemark/local-stack';
import { Agent, request } from 'undici';
import { openLoop, repeat } from '../../measuring/loops.ts';
import { pause } from '../../measuring/waiting.ts';
import { equal, type Finding, none } from '../trial.ts';

/** Longer than any time limit of the gateway. */
const RESPONSE_MS = 15_000;
const REFUSED_PAUSE_MS = 10;
/** Bounds the memory of a run: some minutes at thousands of requests a second. */
const MAX_RESPONSES = 1_000_000;
const READ_KEYS = 100;

export const ENTRIES = `create table public.entries (id text primary key, note text);
insert into public.entries select 'key-' || n from generate_series(0, ${READ_KEYS - 1}) n;
grant select, insert on public.entries to anon;
analyze public.entries;`;

export interface Response {
  readonly at: number;
  readonly ms: number;
  readonly status: number;
  readonly code?: string | undefined;
}

export interface RecordedLoad {
  readonly acknowledged: ReadonlySet<string>;
  readonly responses: readonly Response[];
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly clients?: number;
  /** Requests at a fixed rate, in place of clients. */
  readonly perSecond?: number;
  readonly reads?: boolean;
}

export function startRecordedLoad(
  url: string,
  { clients = 0, perSecond = 0, reads = true }: LoadOptions,
): RecordedLoad {
  const dispatcher = new Agent({
    connections: clients || 256,
    headersTimeout: RESPONSE_MS,
    bodyTimeout: RESPONSE_MS,
  });
  const acknowledged = new Set<string>();
  const responses: Response[] = [];
  let sent = 0;

  async function send(): Promise<number> {
    const n = sent++;
    const startedAt = performance.now();
    const isRead = reads && n % 2 === 1;
    const id = `entry-${n}`;
    const { status, text } = await (isRead ? read(n) : insert(id)).catch((error: Error) => {
      return { status: 0, text: JSON.stringify({ code: error.message }) };
    });
    if (!isRead && status === 201) acknowledged.add(id);
    const at = performance.now();
    const code = isSuccess(status) ? undefined : /"code":"([^"]+)"/.exec(text)?.[1];
    if (responses.length < MAX_RESPONSES) responses.push({ at, ms: at - startedAt, status, code });
    return status;
  }

  async function insert(id: string): Promise<{ status: number; text: string }> {
    const body = JSON.stringify({ id });
    const headers = { 'content-type': 'application/json', prefer: 'return=minimal' };
    const response = await request(`${url}/rest/v1/entries`, { dispatcher, method: 'POST', headers, body });
    return { status: response.statusCode, text: await response.body.text() };
  }

  async function read(n: number): Promise<{ status: number; text: string }> {
    const response = await request(`${url}/rest/v1/entries?id=eq.key-${n % READ_KEYS}`, { dispatcher });
    const text = await response.body.text();
    return { status: response.statusCode === 200 && !text.includes('key-') ? 0 : response.statusCode, text };
  }

  const client = async () => {
    if (!isSuccess(await send())) await pause(REFUSED_PAUSE_MS);
  };
  const inFlight = new Set<Promise<unknown>>();
  const sendInBackground = () => {
    const done: Promise<unknown> = send().then(() => inFlight.delete(done));
    inFlight.add(done);
  };
  const loops =
    perSecond > 0
      ? [repeat(() => openLoop(perSecond, 100, sendInBackground))]
      : Array.from({ length: clients }, () => repeat(client));
  let stopped: Promise<void> | undefined;
  return {
    acknowledged,
    responses,
    stop() {
      stopped ??= (async () => {
        await Promise.all(loops.map((loop) => loop.stop()));
        await Promise.all(inFlight);
        await dispatcher.close();
      })();
      return stopped;
    },
  };
}

const isSuccess = (status: number) => status === 200 || status === 201;

export async function nothingLost(primaryUrl: string, { acknowledged }: RecordedLoad): Promise<Finding> {
  const rows = await withClient(primaryUrl, (sql) => sql`select id from public.entries where id like 'entry-%'`);
  const stored = new Set(rows.map(({ id }) => String(id)));
  const missing = [...acknowledged].filter((id) => !stored.has(id)).length;
  return equal(`acknowledged rows (of ${acknowledged.size}) that are missing`, 0, missing);
}

export const allAnswered = ({ responses }: RecordedLoad): Finding =>
  none('requests without a response', responses.filter(({ status }) => status === 0).length);

export const failures = ({ responses }: RecordedLoad) => responses.filter(({ status }) => !isSuccess(status));

export const slowestMs = ({ responses }: RecordedLoad): number =>
  responses.reduce((max, { ms }) => Math.max(max, ms), 0);

/** `201 × 364, 503 DB_CONNECTION_LOST × 12` */
export function statuses({ responses }: RecordedLoad): string {
  const counts = new Map<string, number>();
  for (const { status, code } of responses) {
    const key = code === undefined ? String(status) : `${status} ${code}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([status, count]) => `${status} × ${count}`).join(', ');
}

export function rate({ responses }: RecordedLoad, from: number, to: number): number {
  const successes = responses.filter(({ at, status }) => at >= from && at < to && isSuccess(status));
  return (successes.length / (to - from)) * 1_000;
}

/** Returns the time from `from` to the end of the first 250 ms with `perSecond` successes a second; Infinity if there are none. */
export function recoveryMs(load: RecordedLoad, from: number, perSecond: number): number {
  const windowMs = 250;
  const last = load.responses.at(-1)?.at ?? from;
  for (let start = from; start + windowMs <= last; start += windowMs / 5) {
    if (rate(load, start, start + windowMs) >= perSecond) return start + windowMs - from;
  }
  return Number.POSITIVE_INFINITY;
}
