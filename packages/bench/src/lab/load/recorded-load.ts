/**
 * Load on a gateway by clients that keep book: each inserts a row of its own name (`POST /rest/v1/entries`) or reads one by key, and
 * remembers what was acknowledged, how each request ended, and when.
 */
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { Agent, request } from 'undici';
import { errors } from '../../errors.ts';

/** Above what the gateway may take for anything: a request that is not answered by then never is. */
const HANG_MS = 15_000;
/** A client that was refused does not come back in the same moment. */
const REFUSED_PAUSE_MS = 10;
/** Bounds what is kept of one run: some minutes at thousands a second. */
const ANSWERS_MOST = 1_000_000;
const READ_KEYS = 100;

export async function createEntries(primaryUrl: string): Promise<void> {
  await runScript(
    primaryUrl,
    `create table public.entries (id text primary key, note text);
     insert into public.entries select 'key-' || n from generate_series(0, ${READ_KEYS - 1}) n;
     grant select, insert on public.entries to anon;
     analyze public.entries;`,
  );
}

export interface Answer {
  /** By performance.now(). */
  readonly at: number;
  readonly ms: number;
  /** 0: the connection broke, or nothing came. */
  readonly status: number;
  /** Of the problem document. */
  readonly code?: string | undefined;
}

export interface RecordedLoad {
  /** Names whose insert was answered with 201. */
  readonly acknowledged: ReadonlySet<string>;
  readonly answers: readonly Answer[];
  /** Resolves when the last answer is there. May be called again. */
  stop(): Promise<void>;
}

/** `clients` with one request in flight each, every second one an insert; or requests at a fixed rate, whatever the answers do. */
export function startRecordedLoad(
  url: string,
  how: { clients: number } | { perSecond: number },
  reads = true,
): RecordedLoad {
  const connections = 'clients' in how ? how.clients : 256;
  const agent = new Agent({ connections, headersTimeout: HANG_MS, bodyTimeout: HANG_MS });
  const acknowledged = new Set<string>();
  const answers: Answer[] = [];
  const running = new Set<Promise<void>>();
  let isOver = false;
  let sent = 0;

  async function send(): Promise<number> {
    const n = sent++;
    const began = performance.now();
    const isRead = reads && n % 2 === 1;
    const id = `entry-${n}`;
    const { status, text } = await (isRead ? read(n) : insert(id)).catch((error: Error) => {
      return { status: 0, text: JSON.stringify({ code: error.message }) };
    });
    if (!isRead && status === 201) acknowledged.add(id);
    const at = performance.now();
    const code = status < 300 && status !== 0 ? undefined : /"code":"([^"]+)"/.exec(text)?.[1];
    if (answers.length < ANSWERS_MOST) answers.push({ at, ms: at - began, status, code });
    return status;
  }

  interface Got {
    status: number;
    text: string;
  }

  async function insert(id: string): Promise<Got> {
    const body = JSON.stringify({ id });
    const headers = { 'content-type': 'application/json', prefer: 'return=minimal' };
    const answer = await request(`${url}/rest/v1/entries`, { dispatcher: agent, method: 'POST', headers, body });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  async function read(n: number): Promise<Got> {
    const answer = await request(`${url}/rest/v1/entries?id=eq.key-${n % READ_KEYS}`, { dispatcher: agent });
    const text = await answer.body.text();
    return { status: answer.statusCode === 200 && !text.includes('key-') ? 0 : answer.statusCode, text };
  }

  async function client(): Promise<void> {
    while (!isOver) {
      const status = await send();
      if (status !== 200 && status !== 201) await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
    }
  }

  const start = (work: Promise<unknown>) => {
    const done = work.then(() => void running.delete(done));
    running.add(done);
  };
  let timer: NodeJS.Timeout | undefined;
  let stopped: Promise<void> | undefined;
  if ('clients' in how) for (let i = 0; i < how.clients; i++) start(client());
  else {
    const began = performance.now();
    timer = setInterval(() => {
      const due = ((performance.now() - began) / 1_000) * how.perSecond;
      while (sent < due) start(send());
    }, 5);
  }
  return {
    acknowledged,
    answers,
    stop() {
      stopped ??= (async () => {
        isOver = true;
        clearInterval(timer);
        await Promise.all(running);
        await agent.close();
      })();
      return stopped;
    },
  };
}

/** Of those acknowledged: how many rows are missing, and how many are there twice (a primary key forbids it). */
export async function missingEntries(primaryUrl: string, acknowledged: ReadonlySet<string>): Promise<number> {
  const rows = await withClient(primaryUrl, (sql) => sql`select id from public.entries where id like 'entry-%'`);
  const kept = new Set(rows.map(({ id }) => String(id)));
  return [...acknowledged].filter((id) => !kept.has(id)).length;
}

export const failures = (answers: readonly Answer[]) =>
  answers.filter(({ status }) => status !== 200 && status !== 201);

/** `201 × 364, 503 DB_CONNECTION_LOST × 12`, for people. */
export function statuses(answers: readonly Answer[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of answers) {
    const key = code === undefined ? String(status) : `${status} ${code}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([status, count]) => `${status} × ${count}`).join(', ');
}

/** Right answers a second between two moments. */
export function rate(answers: readonly Answer[], from: number, to: number): number {
  const right = answers.filter(({ at, status }) => at >= from && at < to && (status === 200 || status === 201));
  return (right.length / (to - from)) * 1_000;
}

/** Ms after `from` until a window of `windowMs` has reached `wanted` right answers a second; undefined when none has. */
export function backAfter(
  answers: readonly Answer[],
  from: number,
  wanted: number,
  windowMs = 250,
): number | undefined {
  const last = answers.at(-1)?.at ?? from;
  for (let start = from; start + windowMs <= last; start += windowMs / 5) {
    if (rate(answers, start, start + windowMs) >= wanted) return start + windowMs - from;
  }
  return undefined;
}

/** Polls; throws what was waited for after `ms`. */
export async function until(what: string, condition: () => unknown, ms = 15_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw errors.NOT_WITHIN({ what, seconds: ms / 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
