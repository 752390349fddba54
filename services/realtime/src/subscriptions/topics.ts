import { parseTidemark, tableKey } from '@tidemark/contracts';
import { Semaphore, SharedLimit } from '@tidemark/service';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import { errors } from '../errors.ts';
import { Membership } from '../membership/membership.ts';
import { FilterBudget } from '../query/filter-budget.ts';
import { FilterWork } from '../query/filter-work.ts';
import type { LivePlan } from '../query/live-plan.ts';
import type { FilterKind } from '../query/row-filter.ts';
import { RlsGroup } from '../rls/rls-group.ts';
import { type RlsGroupKey, rlsGroupKey } from '../rls/rls-group-key.ts';
import { RlsGroups } from '../rls/rls-groups.ts';
import { serverFrame } from '../topics/frame.ts';
import { Subscription } from '../topics/subscription.ts';
import { type DeliveryPolicy, type Mode, Topic } from '../topics/topic.ts';
import { createWindowReader } from '../windows/read-window.ts';
import { Window, type WindowOptions } from '../windows/window.ts';
import { beginSubscription } from './begin-subscription.ts';
import { checkRights } from './check-rights.ts';
import { EndedLog } from './ended-log.ts';
import { type PlannedSubscription, planSubscription } from './plan-subscription.ts';
import type { Place, SubscribeRequest, Topics, TopicsOptions } from './topics-api.ts';

const PLANNING_ATTEMPTS = 5;

export function createTopics(options: TopicsOptions): Topics {
  const { feed, observe } = options;
  const topics = new Map<string, Topic>();
  const places = new Map<Subscription, Place>();
  const onFailed = (table: string, error: Error) => observe({ type: 'topic.failed', table, error });
  const membership = new Membership({ database: options.database, feed, ...options.membership, observe });
  const groups = new RlsGroups(onFailed);
  const ended = new EndedLog();
  let lastId = 0;
  let lastNumber = 0;
  let resyncsTotal = 0;
  let conflatedTotal = 0;
  const { sharePercent } = options.filters;
  const windows = new SharedLimit(options.windows.maxWindows, sharePercent);
  const windowMemory = new SharedLimit(options.windows.totalBytes, sharePercent);
  const sharedSnapshots = new SharedLimit(options.sharedSnapshotBytes, sharePercent);
  let windowReadsTotal = 0;
  let rightsQuestionsTotal = 0;
  // At most one statement waits for each group and for each subscription that catches up.
  const semaphore = new Semaphore(options.rightsConcurrency);
  /** Separate queues, so that cheap filters do not wait for costly ones, nor these for Postgres. */
  const filters: Record<FilterKind, FilterWork> = {
    cheap: new FilterWork(options.database),
    costly: new FilterWork(options.database),
    asked: new FilterWork(options.database),
  };
  const sum = (count: (work: FilterWork) => number) =>
    count(filters.cheap) + count(filters.costly) + count(filters.asked);
  const budget = new FilterBudget(options.filters);
  const charged = new Map<Topic, () => void>();
  const reader = createWindowReader({
    database: options.database,
    feed,
    concurrency: options.windows.concurrency,
    maxBytes: options.windows.maxBytes,
  });
  const { history, snapshots } = options;
  const beginnings = { feed, history, snapshots, sharedSnapshots, membership, onDelivered };
  const planning = {
    feed,
    facts: options.facts,
    schemas: options.schemas,
    windowRows: options.windows.maxRows,
    async check(plan: LivePlan) {
      if (!budget.isAsked(plan.filter.question)) await filters.asked.check(plan);
    },
  };
  const policy: DeliveryPolicy = {
    ...options.delivery,
    onDelivered,
    onConflated() {
      conflatedTotal += 1;
    },
  };

  function onDelivered(envelope: ChangeEnvelope, changes: number): void {
    options.onDelivered(changes, Date.now() - envelope.body().committedAt, envelope);
  }

  function makeGroup(plan: LivePlan, rlsKey: RlsGroupKey, table: string): RlsGroup {
    const made: RlsGroup = new RlsGroup({
      feed,
      database: options.database,
      table,
      facts: plan.facts,
      key: rlsKey,
      semaphore,
      floor: () => membership.floor(made),
      filters: filters[plan.filter.kind],
      isAsked: plan.filter.kind === 'asked',
      onAsked() {
        rightsQuestionsTotal += 1;
      },
      onDelivered,
      onFailed: (error) => onFailed(plan.facts.table, error),
      isOutdated: () => options.facts.hasChanged(plan.facts, { role: plan.role, claims: '{}' }),
      isAnnounced: () => options.facts.isAnnounced(plan.facts),
    });
    membership.add(made, rlsKey);
    return made;
  }

  function makeTopic(key: string, plan: LivePlan, mode: Mode, holder: string): Topic {
    lastId += 1;
    const init = { id: lastId, key, plan, mode, policy };
    if (!plan.window) return new Topic(init);
    const { intervalMs } = options.windows;
    const refusal = windows.take(holder, 1);
    if (refusal) throw errors.TOO_MANY_WINDOWS({ limit: refusal.limit, where: refusal.where });
    const windowOptions: WindowOptions = {
      reader,
      lsn() {
        const last = feed.ring
          .since(tableKey(plan.facts.schema, plan.facts.table), feed.ring.floor?.sequence ?? 0)
          ?.at(-1);
        return last && last.lsn > feed.lsn() ? last.lsn : feed.lsn();
      },
      memory: windowMemory,
      holder,
      windowMs: intervalMs,
      onFailed: (error) => onFailed(plan.facts.table, error),
      onRead() {
        windowReadsTotal += 1;
      },
    };
    return new Window(init, windowOptions);
  }

  function leave(
    subscription: Subscription,
    reason: string | undefined,
    request: SubscribeRequest,
    release: () => void,
  ): void {
    release();
    const place = places.get(subscription) as Place;
    const { topic } = place;
    if (reason !== undefined) {
      resyncsTotal += 1;
      observe({ type: 'topic.resync', table: place.group.facts.table, reason });
    }
    places.delete(subscription);
    ended.add(subscription.sink.name, subscription.id, reason);
    topic.remove(subscription);
    request.onEnd(subscription);
    if (topic.subscriptions.size > 0) return;
    topic.close();
    charged.get(topic)?.();
    charged.delete(topic);
    topics.delete(topic.key);
    place.group.delete(topic);
    if (place.group.topics.size > 0) return;
    groups.delete(place.groupKey, place.tableKey);
    membership.delete(place.group);
  }

  async function subscribe(request: SubscribeRequest): Promise<Subscription> {
    for (let attempt = 1; attempt <= PLANNING_ATTEMPTS; attempt += 1) {
      const planned = await planSubscription(request, planning);
      // No await follows until the subscription is in its group, so that it misses no announced definition.
      if (!options.facts.isOld(planned.facts)) return begin(request, planned);
    }
    throw errors.TABLE_CHANGING({ table: request.query.slice(0, 100) });
  }

  function begin(request: SubscribeRequest, planned: PlannedSubscription): Subscription {
    const { identity, tableKey: key, plan, facts, resume } = planned;
    if (request.sink.closed) throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
    if (places.size >= options.maxSubscriptions) {
      throw errors.TOO_MANY_SUBSCRIPTIONS({ limit: options.maxSubscriptions, where: 'instance' });
    }
    const rlsKey = rlsGroupKey(facts, identity);
    // A group has one definition, so that no subscription joins one that is about to be resynced, and one kind of filter.
    const groupKey = `${key}\0${facts.definition}\0${rlsKey.key}\0${plan.filter.kind}`;
    const topicKey = `${groupKey}\0${request.mode}\0${plan.canonical}`;
    let topic = topics.get(topicKey);
    const existing = topic && request.existing(topic.id);
    if (existing) throw errors.QUERY_IN_USE({ id: existing.id });
    const { holder } = request.sink;
    const charge = budget.admit(request.sink, holder, plan.filter, topic === undefined);
    let made: Topic;
    try {
      made = topic ?? makeTopic(topicKey, plan, request.mode, holder);
    } catch (error) {
      charge.leave();
      charge.close();
      throw error;
    }
    const group = groups.findOrMake(groupKey, key, () => makeGroup(plan, rlsKey, key));
    if (!topic) {
      topic = made;
      topics.set(topicKey, topic);
      charged.set(topic, () => {
        charge.close();
        if (made instanceof Window) windows.give(holder, 1);
      });
      group.add(topic);
    }
    const subscription = new Subscription(request.id, topic.id, request.sink, (s, reason) =>
      leave(s, reason, request, charge.leave),
    );
    lastNumber += 1;
    const place = { number: lastNumber, topic, group, groupKey, tableKey: key, role: identity, facts };
    places.set(subscription, place);
    topic.subscriptions.add(subscription);
    request.sink.tell(serverFrame({ op: 'subscribed', id: request.id, topic: topic.id, key: [...plan.key] }));
    if (resume?.kind === 'refused') subscription.resync(resume.reason);
    else if (resume) subscription.visibility = resume;
    const wants = { snapshot: request.snapshot, resumes: request.after !== undefined };
    const isOutdated = () => options.facts.hasChanged(facts, identity);
    void beginSubscription(
      {
        subscription,
        identity,
        topic,
        group,
        tableKey: key,
        from: parseTidemark(facts.tidemark).lsn,
        wants,
        isOutdated,
      },
      { ...beginnings, onFailed: (error) => onFailed(facts.table, error) },
    );
    return subscription;
  }

  return {
    subscribe,
    start: () => membership.start(),
    stop: () => membership.stop(),
    receive(envelope) {
      membership.receive(envelope);
      groups.receive(envelope);
    },
    resyncAll(reason) {
      for (const subscription of [...places.keys()]) subscription.resync(reason);
      membership.reset();
    },
    checkRights: () => checkRights(places, lastNumber, options.facts),
    redefine: (tableKeys) => groups.redefine(tableKeys, options.facts.isRedefined),
    placed: () => places,
    find(sink, id) {
      for (const placed of places) if (placed[0].id === id && placed[0].sink.name === sink) return placed;
      return undefined;
    },
    ended: (sink, id) => ended.find(sink, id),
    counts: () => ({
      topics: topics.size,
      windows: windows.used,
      windowBytes: windowMemory.used,
      sharedSnapshotBytes: sharedSnapshots.used,
      windowReadsTotal,
      windowReadsWaiting: reader.waiting(),
      subscriptions: places.size,
      classes: groups.size,
      rightsQuestionsTotal,
      rightsQuestionsWaiting: semaphore.waiting,
      membership: membership.counts(),
      filterSteps: budget.instance.used,
      filterRefusalsTotal: budget.instance.refusedTotal,
      filterMsTotal: sum(({ slices }) => slices.totalMs),
      filterJobsWaiting: sum(({ slices }) => slices.waiting),
      filterQuestionsTotal: sum(({ questionsTotal }) => questionsTotal),
      resyncsTotal,
      conflatedTotal,
    }),
  };
}
