/** Where statements are timed that do not ride on lanes: one alone, or several that were sent together. */
import type { StatementBook } from './registry.ts';
import type { Holder, Row, Rows } from '../types.ts';

/** Runs one statement on a slot that is held, and records it. */
export async function recorded<R extends Row>(
  book: StatementBook,
  text: string,
  waitMs: number,
  holder: Holder | undefined,
  send: () => Promise<Rows<R>>,
): Promise<Rows<R>> {
  const began = performance.now();
  try {
    const rows = await send();
    const now = performance.now();
    book.of(text).record('alone', waitMs, now - began, rows, now, holder);
    return rows;
  } catch (error) {
    book.of(text).recordError(waitMs, performance.now() - began, holder);
    throw error;
  }
}

/**
 * Statements of one transaction that were sent at once and answered at once: each is given the same share of its time, but for
 * settings, which take none. The wait for the slot is the first one's.
 */
export function recordTogether(
  book: StatementBook,
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
    if (rows === undefined) book.of(text).recordError(wait, ms / working, holder);
    else book.of(text).record('alone', wait, ms / working, rows, now, holder);
    wait = 0;
  }
}

const SETTING = /^\s*(?:set|select set_config)\b/i;
