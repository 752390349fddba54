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
    const at = performance.now();
    registry.of(text).record({ where: 'alone', waitMs, ms: at - began, rows, at, holder });
    return rows;
  } catch (error) {
    registry.of(text).recordError(waitMs, performance.now() - began, holder);
    throw error;
  }
}

export interface StatementsTogether {
  readonly texts: readonly string[];
  /** Undefined when the statements failed. */
  readonly results: readonly Rows[] | undefined;
  readonly waitMs: number;
  readonly ms: number;
  readonly holder: Holder | undefined;
}

/** The statements have equal shares of the time, except settings, which take none. The first has the wait. */
export function recordTogether(registry: StatementStatsRegistry, run: StatementsTogether): void {
  const { texts, results, waitMs, ms, holder } = run;
  const working = texts.filter((text) => !SETTING.test(text)).length || 1;
  const at = performance.now();
  let wait = waitMs;
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i]!;
    if (SETTING.test(text)) continue;
    const rows = results?.[i];
    if (rows === undefined) registry.of(text).recordError(wait, ms / working, holder);
    else registry.of(text).record({ where: 'alone', waitMs: wait, ms: ms / working, rows, at, holder });
    wait = 0;
  }
}

const SETTING = /^\s*(?:set|select set_config)\b/i;
