import type { Holder, Row, Rows } from '../types.ts';
import type { StatementStatsRegistry } from './registry.ts';

export async function recorded<R extends Row>(
  registry: StatementStatsRegistry,
  text: string,
  waitMs: number,
  holder: Holder | undefined,
  send: () => Promise<Rows<R>>,
): Promise<Rows<R>> {
  const began = performance.now();
  try {
    const rows = await send();
    const now = performance.now();
    registry.of(text).record('alone', waitMs, now - began, rows, now, holder);
    return rows;
  } catch (error) {
    registry.of(text).recordError(waitMs, performance.now() - began, holder);
    throw error;
  }
}

/** The statements have equal shares of the time, except settings, which take none. The first has the wait. */
export function recordTogether(
  registry: StatementStatsRegistry,
  texts: readonly string[],
  results: readonly Rows[] | undefined,
  waitMs: number,
  ms: number,
  holder: Holder | undefined,
): void {
  const working = texts.filter((text) => !SETTING.test(text)).length || 1;
  const now = performance.now();
  let wait = waitMs;
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    if (SETTING.test(text)) continue;
    const rows = results?.[i];
    if (rows === undefined) registry.of(text).recordError(wait, ms / working, holder);
    else registry.of(text).record('alone', wait, ms / working, rows, now, holder);
    wait = 0;
  }
}

const SETTING = /^\s*(?:set|select set_config)\b/i;
