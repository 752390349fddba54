/** Answers of the APIs, asked for again while they are shown. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { PERFORMANCE_API, reasonOf, request } from './api.ts';
import { session, usePaused } from './session.ts';

export interface Answer<T> {
  /** The last one; it stays while later requests fail. */
  value: T | undefined;
  /** When it came, ms since 1970. */
  at: number | undefined;
  /** Why the last request failed. */
  problem: string | undefined;
  refresh(): void;
}

interface Options {
  everyMs?: number;
  /** Another token than that of the operator. */
  token?: string | undefined;
  headers?: Record<string, string>;
}

/** An answer may take this much a second on the way, compressed. A large one is asked for less often. */
const MAX_BYTES_PER_S = 3_000;
/** JSON is compressed to about an eighth. */
const COMPRESSION = 8;
const MAX_INTERVAL_MS = 60_000;

/** The last answers, which are shown at once when their page is opened again. */
const kept = new Map<string, { value: unknown; at: number }>();
const MAX_KEPT = 40;

function keep(key: string, value: unknown): { value: unknown; at: number } {
  const entry = { value, at: Date.now() };
  kept.delete(key);
  kept.set(key, entry);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  return entry;
}

/**
 * Returns the answer of `path` below the performance API, or of a whole URL, and asks again every `everyMs` (default 5 s) while the
 * tab is visible and not paused. An undefined path asks nothing.
 */
export function useAnswer<T>(path: string | undefined, options: Options = {}): Answer<T> {
  const { everyMs = 5_000, headers } = options;
  const token = options.token ?? session.token() ?? '';
  const key = path === undefined ? '' : `${path} ${token} ${JSON.stringify(headers ?? {})}`;
  const [answer, setAnswer] = useState<{ key: string; value?: T; at?: number; problem?: string }>({ key: '' });
  const paused = usePaused();
  const ask = useRef<() => void>(() => {});

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const known = kept.get(key);
    setAnswer(known ? { key, value: known.value as T, at: known.at } : { key });
    if (path === undefined || paused) return;

    const later = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(run, Math.min(ms, Math.max(everyMs, MAX_INTERVAL_MS)));
    };
    async function run(): Promise<void> {
      if (document.hidden || asking) return;
      asking = true;
      let wait = everyMs;
      try {
        const url = new URL(path as string, PERFORMANCE_API).href;
        const response = await request(url, { token, signal: stop.signal, ...(headers && { headers }) });
        const text = await response.text();
        wait = Math.max(everyMs, (text.length / COMPRESSION / MAX_BYTES_PER_S) * 1_000);
        const { value, at } = keep(key, JSON.parse(text));
        setAnswer({ key, value: value as T, at });
      } catch (error) {
        if (stop.signal.aborted) return;
        setAnswer((before) => ({ ...before, key, problem: reasonOf(error) }));
      } finally {
        asking = false;
      }
      if (!stop.signal.aborted) later(wait);
    }
    const shown = () => {
      if (!document.hidden) void run();
    };
    ask.current = () => void run();
    document.addEventListener('visibilitychange', shown);
    void run();
    return () => {
      clearTimeout(timer);
      stop.abort();
      document.removeEventListener('visibilitychange', shown);
    };
  }, [key, paused, everyMs]);

  const current = answer.key === key ? answer : (kept.get(key) as { value?: T; at?: number } | undefined);
  return {
    value: current?.value as T | undefined,
    at: current?.at,
    problem: answer.key === key ? answer.problem : undefined,
    refresh: () => ask.current(),
  };
}
