import { TidemarkError } from '@tidemark/contracts';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import { errors } from '../errors.ts';
import { EqualityIndex } from '../query/equality-index.ts';
import { planEqualities } from '../query/plan-equalities.ts';
import { STEP_MS } from '../query/row-filter.ts';
import { type Judged, OPEN } from '../query/row-match.ts';
import { MAX_SLICE_MS } from '../query/time-slices.ts';
import { CHANGED, UNREADABLE } from '../topics/resync-reasons.ts';
import type { Topic } from '../topics/topic.ts';

export type Candidates = Map<Topic, RowChange[]>;

export interface GroupTopicsOptions {
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onFailed(error: Error): void;
}

/** Each pair of topic and change takes about 50 ns, and then the event loop gets a pause. */
const MAX_PAIRS_AT_ONCE = 20_000;

export class GroupTopics {
  readonly all = new Set<Topic>();
  #index = new EqualityIndex<Topic>();
  #options: GroupTopicsOptions;

  constructor(options: GroupTopicsOptions) {
    this.#options = options;
  }

  add(topic: Topic): void {
    this.all.add(topic);
    this.#index.add(topic, planEqualities(topic.plan));
  }

  delete(topic: Topic): void {
    if (this.all.delete(topic)) this.#index.delete(topic);
  }

  collect(change: RowChange, candidates: Candidates): void {
    const found = new Set<Topic>();
    this.#index.collect(change, found);
    for (const topic of found) addCandidate(candidates, topic, change);
  }

  /** Returns undefined where the filters are estimated to take more than a slice of time. */
  collectAtOnce(changes: readonly RowChange[]): { candidates: Candidates; ms: number } | undefined {
    if (changes.length * this.#index.unindexed > MAX_PAIRS_AT_ONCE) return undefined;
    const candidates: Candidates = new Map();
    const found = new Set<Topic>();
    let ms = 0;
    for (const change of changes) {
      found.clear();
      this.#index.collect(change, found);
      for (const topic of found) {
        addCandidate(candidates, topic, change);
        ms += topic.plan.filter.stepsForChange(change) * STEP_MS;
      }
      if (ms > MAX_SLICE_MS) return undefined;
    }
    return { candidates, ms };
  }

  deliver(envelope: ChangeEnvelope, candidates: Candidates, judged: (topic: Topic) => Judged): void {
    let delivered = 0;
    for (const [topic, changes] of candidates) {
      try {
        delivered += topic.deliver(envelope, changes, judged(topic));
      } catch (error) {
        this.failTopic(topic, error as Error);
      }
    }
    // The topics that the last part of a transaction does not concern may have received another part, and wait for its end.
    if (envelope.body().ends) {
      for (const topic of [...this.all]) if (!candidates.has(topic)) topic.deliver(envelope, [], OPEN);
    }
    if (delivered > 0) this.#options.onDelivered(envelope, delivered);
  }

  failTopic(topic: Topic, error: Error, isOutdated = false): void {
    this.#options.onFailed(error);
    for (const subscription of [...topic.subscriptions]) {
      if (isOutdated) subscription.resync(CHANGED);
      else if (error instanceof TidemarkError && error.code === 'RT_FILTER_TOO_COSTLY') subscription.fail(error);
      else subscription.resync(UNREADABLE);
    }
  }

  resync(reason: string): void {
    for (const topic of [...this.all]) for (const subscription of [...topic.subscriptions]) subscription.resync(reason);
  }

  fail(table: string, cause: Error): void {
    const reason = `SQLSTATE ${(cause as { code?: string }).code}`;
    const error = errors.POLICY_FAILED({ table, reason }, { cause });
    for (const topic of [...this.all]) for (const subscription of [...topic.subscriptions]) subscription.fail(error);
  }
}

export function addCandidate(candidates: Candidates, topic: Topic, change: RowChange): void {
  const changes = candidates.get(topic);
  if (changes) changes.push(change);
  else candidates.set(topic, [change]);
}
