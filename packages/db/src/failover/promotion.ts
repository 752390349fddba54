/**
 * Decides which server takes writes when a replica turns out to be a primary. Pure.
 *
 *   writes go to the primary ── it is gone, and one replica was promoted ──► a new epoch is minted there, then writes go there
 *                            └─ a replica has an epoch of its own timeline (an instance has moved there) ──► writes go there at once,
 *                               even if the old primary answers: that epoch is the fence that all instances see
 *
 * An instance writes to one server: all connections to the other are closed first, and it never returns to a server of an older timeline.
 * Writes that the old primary acknowledged and did not send to the replica are lost (asynchronous replication); tidemarks of its epoch
 * are refused, so no read claims to include them.
 */

export interface PromotedServer {
  timeline: number;
  systemIdentifier: string;
  /** The last row of its tidemark.epochs, and the timeline that it was minted on. */
  epoch: string;
  epochTimeline: number;
}

export interface PresentPrimary {
  /** Time in ms since it stopped answering as a primary; undefined while it answers. */
  goneMs: number | undefined;
  /** The next three are undefined when the server was never reached. */
  timeline: number | undefined;
  systemIdentifier: string | undefined;
  epoch: string | undefined;
}

export type Judgement =
  | { kind: 'stay'; reason: string }
  /** `mint`: its epoch is still the old one, so a new one must be minted. */
  | { kind: 'follow'; index: number; mint: boolean };

/** `promoted` is in the order of the replicas; undefined for standbys and for those that do not answer. */
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
