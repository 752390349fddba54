/**
 * Which server is written to, when a replica turns out to be a primary. Pure.
 *
 *   writes go to the primary ── it is gone, and one replica was promoted ──► a new epoch is minted there, then writes go there
 *                            └─ a replica carries an epoch of its own timeline (someone has moved there already) ──► the same,
 *                               at once, however well the old primary does: that epoch is the fence that all instances see
 *
 * Never to two: an instance writes to one server, all of its connections to the other are closed before, and a server of an
 * older timeline is not gone back to. What the old primary had acknowledged and not sent to the replica is lost with it
 * (asynchronous replication); tidemarks of its epoch are refused, so nobody reads as if it were there.
 */

/** What a replica says of itself when it is not a standby. */
export interface PromotedServer {
  /** Grows with each promotion. */
  timeline: number;
  systemIdentifier: string;
  /** The last row of its tidemark.epochs, and the timeline that it was minted on. */
  epoch: string;
  epochTimeline: number;
}

export interface PresentPrimary {
  /** How long it has not answered as a primary, ms; undefined while it does. */
  goneMs: number | undefined;
  /** These three are undefined when it was never reached. */
  timeline: number | undefined;
  systemIdentifier: string | undefined;
  epoch: string | undefined;
}

export type Judgement =
  | { kind: 'stay'; reason: string }
  /** `mint`: nobody has moved there before, and its epoch is still the old one. */
  | { kind: 'follow'; index: number; mint: boolean };

/** `promoted` has the replicas in their order; undefined for those that are standbys or do not answer. */
export function judgePromotion(
  primary: PresentPrimary,
  promoted: readonly (PromotedServer | undefined)[],
  failoverAfterMs: number,
): Judgement {
  const newer = promoted.flatMap((server, index) => {
    if (server === undefined || server.timeline <= (primary.timeline ?? 0)) return [];
    if (primary.systemIdentifier !== undefined && server.systemIdentifier !== primary.systemIdentifier) return [];
    return [{ ...server, index }];
  });
  if (newer.length === 0) return stay('no replica is a newer primary of this cluster');
  const followed = newer.filter(({ epochTimeline, timeline }) => epochTimeline === timeline);
  if (followed.length > 0) {
    const latest = followed.reduce((a, b) => (b.timeline > a.timeline ? b : a));
    const same = followed.filter(({ timeline }) => timeline === latest.timeline);
    if (same.length > 1) return stay('two replicas were promoted, and both were written to');
    return { kind: 'follow', index: latest.index, mint: false };
  }
  if (newer.length > 1) return stay('several replicas were promoted; which one is to be followed is not known');
  const [candidate] = newer;
  if (primary.goneMs === undefined) return stay('a replica was promoted while the primary still answers');
  if (primary.goneMs < failoverAfterMs) return stay('the primary may come back in a moment');
  if (primary.epoch !== undefined && candidate!.epoch !== primary.epoch) {
    return stay(`the promoted replica knows epoch "${candidate!.epoch}" and not the present one, "${primary.epoch}"`);
  }
  return { kind: 'follow', index: candidate!.index, mint: true };
}

const stay = (reason: string): Judgement => ({ kind: 'stay', reason });
