/** What is asked of the processes of followers, and what they answer. */

export interface ResumingClient {
  /** Of table `ticks`: the value of `k` that is followed. */
  readonly key: number;
  /** From one change of the key to the next, `n` grows by this: anything else is a gap, or a repetition. */
  readonly step: number;
}

export type ResumingOrder =
  /** Connects these, evenly over `withinMs`, to the first of the ports; answers when all follow, or at `ms`. */
  | { op: 'connect'; ports: readonly number[]; followers: readonly ResumingClient[]; withinMs: number; ms: number }
  /** Who is cut off comes back to these, in turn. */
  | { op: 'move'; ports: readonly number[] }
  /** The first `count` stop reading, or read on. */
  | { op: 'stall'; count: number; stalled: boolean }
  /** Latencies from here on, of those that are not the first `besides`. */
  | { op: 'measure'; besides: number }
  | { op: 'count' }
  | { op: 'samples' };

export interface ResumingCounts {
  readonly followers: number;
  /** That follow now. */
  readonly following: number;
  /** That have had a change, and so have a position to resume from. */
  readonly placed: number;
  readonly cut: number;
  /** After a cut. */
  readonly resumed: number;
  /** Were told to start afresh. */
  readonly afresh: number;
  /** The last reason that was given for it. */
  readonly afreshFor: string | null;
  readonly gaps: number;
  readonly repeats: number;
  /** Neither a change nor what belongs to following; the first of them. */
  readonly others: number;
  readonly firstOther: string | null;
}

/** To make and to send it costs what a thousand changes cost: not while something is measured. */
export interface ResumingSamples {
  /** From the first attempt to connect until it followed, and from a cut until it followed again. */
  readonly connectedMs: readonly number[];
  readonly resumedMs: readonly number[];
  /** From `at` in the row, which the database's clock set, to here. */
  readonly latenciesMs: readonly number[];
  /** Key and newest `n` of each follower that has had a change since it began. */
  readonly newest: readonly (readonly [key: number, n: number])[];
}

export type ResumingReply = { type: 'counts'; counts: ResumingCounts } | { type: 'samples'; samples: ResumingSamples };
