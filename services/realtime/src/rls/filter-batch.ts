/** Evaluates the filters of a batch's topics, and drops the candidates that no filter lets pass. */
import type { ChangeEnvelope } from '../changes/envelope.ts';
import { isRefusal } from '../is-refusal.ts';
import type { FilterWork, Passes } from '../query/filter-work.ts';
import { mayConcern } from '../query/row-match.ts';
import type { Topic } from '../topics/topic.ts';
import { addCandidate, type Candidates, type GroupTopics } from './group-topics.ts';
import { imagesOf } from './policy-check.ts';

export interface QueuedEnvelope {
  envelope: ChangeEnvelope;
  candidates: Candidates;
}

export interface BatchFilters {
  filters: FilterWork;
  topics: GroupTopics;
  isOutdated(): Promise<boolean>;
}

/** A topic whose filter fails is not in the result: its subscribers have been told. @throws while the database is away */
export async function filterBatch(
  batch: readonly QueuedEnvelope[],
  { filters, topics, isOutdated }: BatchFilters,
): Promise<ReadonlyMap<Topic, Passes>> {
  const byTopic: Candidates = new Map();
  for (const { candidates } of batch) {
    for (const [topic, changes] of candidates) for (const change of changes) addCandidate(byTopic, topic, change);
  }
  const passes = new Map<Topic, Passes>();
  const wanted = [...byTopic];
  const answers = await filters.decide(
    wanted.map(([topic, changes]) => ({
      plan: topic.plan,
      images: imagesOf(changes),
      isWanted: () => topics.all.has(topic),
    })),
  );
  for (const [n, [topic]] of wanted.entries()) {
    const answer = answers[n] as Passes | Error;
    if (!(answer instanceof Error)) passes.set(topic, answer);
    // While the database is away, the whole batch is decided again.
    else if (isAway(answer)) throw answer;
    else topics.failTopic(topic, answer, isRefusal(answer) && (await isOutdated()));
  }
  for (const { candidates } of batch) {
    for (const [topic, changes] of candidates) {
      const judged = { visible: undefined, passes: passes.get(topic) };
      const left =
        judged.passes && topics.all.has(topic)
          ? changes.filter((change) => mayConcern(topic.plan, change, judged))
          : [];
      if (left.length > 0) candidates.set(topic, left);
      else candidates.delete(topic);
    }
  }
  return passes;
}

function isAway(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && !code.startsWith('RT_') && !isRefusal(error);
}
