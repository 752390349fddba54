/**
 * The permanent rows of each seal, queried after each change, show what a client may see. A received row is a leak if
 * its seal is visible in no state of the rights that may have been in effect.
 */
import type { Sent } from '@tidemark/testing/live-checker';

export interface Answer {
  readonly rows?: readonly Record<string, unknown>[];
  readonly error?: string;
  readonly message?: string;
  readonly security?: boolean;
  readonly identity?: string;
  readonly published?: readonly string[] | null;
  readonly whole?: boolean;
  readonly columns?: readonly string[];
  readonly children?: boolean;
}

interface State {
  readonly answer: Answer;
  readonly seals: ReadonlySet<unknown>;
  /** Time before the statement that caused the state. */
  readonly from: number;
  /** Time after the statement that ended the state; `slackMs` later it has taken effect. */
  until: number;
  slackMs: number;
}

export class Visibility {
  readonly #states: State[] = [];
  readonly #snapshotMs: number;

  constructor(snapshotMs: number) {
    this.#snapshotMs = snapshotMs;
  }

  add(answer: Answer, from: number, slackMs: number): void {
    const last = this.#states.at(-1);
    const now = performance.now();
    if (last && JSON.stringify(last.answer) === JSON.stringify(answer)) return;
    if (last) Object.assign(last, { until: now, slackMs });
    const seals = new Set((answer.rows ?? []).map((row) => row.seal));
    this.#states.push({ answer, seals, from, until: Number.POSITIVE_INFINITY, slackMs: 0 });
  }

  mayShow(row: Readonly<Record<string, unknown>>, { askedAt, isOld }: Sent, writtenAt: number, at: number): boolean {
    // An old version of a row was visible when the client received it first: only the time of its write counts.
    const begun = isOld ? 0 : askedAt;
    return this.#states.some(
      ({ seals, from, until, slackMs }) =>
        seals.has(row.seal) &&
        from <= at &&
        writtenAt <= until + slackMs &&
        begun <= until + Math.max(slackMs, this.#snapshotMs),
    );
  }

  mayRefuse(code: string, columns: readonly string[] | undefined, askedAt: number, at: number): boolean {
    return this.#states.some(
      ({ answer, from, until, slackMs }) =>
        from <= at && askedAt <= until + Math.max(slackMs, this.#snapshotMs) && isRefusal(code, answer, columns),
    );
  }
}

const SAME: Readonly<Record<string, readonly string[]>> = {
  '42501': ['42501'],
  '42P01': ['42P01', 'RT_TABLE_UNKNOWN', '42501'],
  // Postgres checks the column before the rights.
  '42703': ['42703', 'RT_COLUMN_UNKNOWN', '42501'],
};

export function isRefusal(code: string, answer: Answer, columns: readonly string[] | undefined): boolean {
  const { error, published, whole, security, identity, children } = answer;
  if (error !== undefined && (SAME[error] ?? [error]).includes(code)) return true;
  if (code === 'RT_TABLE_NOT_LIVE') return published === null;
  if (code === 'RT_PUBLISH_PARTIAL') return whole === false;
  if (code === 'RT_INHERITED') return children === true;
  if (code === 'RT_OLD_ROWS_NEEDED') return security === true && identity !== 'f';
  if (code === 'RT_QUERY_UNSUPPORTED') {
    return (columns ?? answer.columns ?? []).some((name) => published?.includes(name) === false);
  }
  return false;
}
