/**
 * Records the rows that a client was allowed to see at each time. After each change of schema or rights it reads the permanent
 * rows of each seal under the role and claims of the client. A row that was sent is a leak if no state of the rights that may
 * apply to it shows its seal.
 */
import type { Sent } from '@tidemark/testing/live-checker';

/** The result of `probe.ask` for a query. */
export interface Answer {
  readonly rows?: readonly Record<string, unknown>[];
  /** The SQLSTATE of the refusal. */
  readonly error?: string;
  readonly message?: string;
  readonly security?: boolean;
  readonly identity?: string;
  readonly published?: readonly string[] | null;
  readonly whole?: boolean;
  readonly columns?: readonly string[];
  /** Tables inherit from it. */
  readonly heirs?: boolean;
}

interface State {
  readonly answer: Answer;
  readonly seals: ReadonlySet<unknown>;
  /** Before the statement that brought it about was sent. */
  readonly from: number;
  /** When the statement that ended it had been answered, and what is documented as the time until that counts. */
  until: number;
  slackMs: number;
}

export class Sight {
  readonly #states: State[] = [];
  /** Until a change that has been announced counts for snapshots. */
  readonly #snapshotMs: number;

  constructor(snapshotMs: number) {
    this.#snapshotMs = snapshotMs;
  }

  /** @param from when the change began @param slackMs until it counts, as documented */
  add(answer: Answer, from: number, slackMs: number): void {
    const last = this.#states.at(-1);
    const now = performance.now();
    if (last && JSON.stringify(last.answer) === JSON.stringify(answer)) return;
    if (last) Object.assign(last, { until: now, slackMs });
    const seals = new Set((answer.rows ?? []).map((row) => row.seal));
    this.#states.push({ answer, seals, from, until: Number.POSITIVE_INFINITY, slackMs: 0 });
  }

  /** The write of the version that a row shows began at `writtenAt`. */
  mayShow(row: Readonly<Record<string, unknown>>, { askedAt, isOld }: Sent, writtenAt: number, at: number): boolean {
    // An old row was shown to the client earlier, so it counts from the time when it was written.
    const begun = isOld ? 0 : askedAt;
    return this.#states.some(
      ({ seals, from, until, slackMs }) =>
        seals.has(row.seal) &&
        from <= at &&
        writtenAt <= until + slackMs &&
        begun <= until + Math.max(slackMs, this.#snapshotMs),
    );
  }

  /** Whether the refusal was right at a moment since the subscription was asked for. @returns what it says otherwise */
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
  // Postgres looks for the column before it looks at the rights.
  '42703': ['42703', 'RT_COLUMN_UNKNOWN', '42501'],
};

/** Whether a live query may be refused with this code where SELECT, the table and its publication say this. */
export function isRefusal(code: string, answer: Answer, columns: readonly string[] | undefined): boolean {
  const { error, published, whole, security, identity, heirs } = answer;
  if (error !== undefined && (SAME[error] ?? [error]).includes(code)) return true;
  if (code === 'RT_TABLE_NOT_LIVE') return published === null;
  if (code === 'RT_PUBLISH_PARTIAL') return whole === false;
  if (code === 'RT_INHERITED') return heirs === true;
  if (code === 'RT_OLD_ROWS_NEEDED') return security === true && identity !== 'f';
  if (code === 'RT_QUERY_UNSUPPORTED') {
    return (columns ?? answer.columns ?? []).some((name) => published?.includes(name) === false);
  }
  return false;
}
