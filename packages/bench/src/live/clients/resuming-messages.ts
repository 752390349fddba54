export interface ResumingClient {
  readonly key: number;
  /** Difference of `n` between two changes of the key; another difference is a gap or a repetition. */
  readonly step: number;
}

export type ResumingOrder =
  /** The clients spread evenly over `withinMs`; the reply comes when all follow, or after `ms`. */
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
  readonly connectedMs: readonly number[];
  readonly resumedMs: readonly number[];
  readonly latenciesMs: readonly number[];
  readonly newest: readonly (readonly [key: number, n: number])[];
}

export type ResumingReply = { type: 'counts'; counts: ResumingCounts } | { type: 'samples'; samples: ResumingSamples };
