/** Messages between resuming clients and their processes. */

export interface ResumingClient {
  /** Value of `ticks.k` that the client follows. */
  readonly key: number;
  /** Difference of `n` between two changes of the key; another difference is a gap or a repetition. */
  readonly step: number;
}

export type ResumingOrder =
  /** Connects these clients to the first URL, evenly over `withinMs`; the reply comes when all follow, or after `ms`. */
  | { op: 'connect'; url: string; clients: readonly ResumingClient[]; withinMs: number; ms: number }
  | { op: 'move'; urls: readonly string[] }
  | { op: 'stall'; count: number; stalled: boolean }
  | { op: 'measure'; besides: number }
  | { op: 'count' }
  | { op: 'samples' };

export interface ResumingCounts {
  readonly following: number;
  /** Clients that have received a change, and so have a position to resume from. */
  readonly placed: number;
  readonly cut: number;
  readonly resumed: number;
  readonly resynced: number;
  readonly lastResync: string | null;
  readonly gaps: number;
  readonly repeats: number;
  /** Frames other than changes and answers to the subscribe, and the first of them. */
  readonly others: number;
  readonly firstOther: string | null;
}

/** Sending the samples costs as much as a thousand changes, which would disturb a measurement. */
export interface ResumingSamples {
  /** Times from the first attempt to connect until the client followed. */
  readonly connectedMs: readonly number[];
  /** Times from a cut until the client followed again. */
  readonly resumedMs: readonly number[];
  /** Times from `at` in the row, which the database's clock sets, to the client. */
  readonly latenciesMs: readonly number[];
  /** Key and newest `n` of each client that has received a change. */
  readonly newest: readonly (readonly [key: number, n: number])[];
}

export type ResumingReply = { type: 'counts'; counts: ResumingCounts } | { type: 'samples'; samples: ResumingSamples };
