/**
 * The topics of this instance: found or made for a subscription, fed by the feed, forgotten when nobody is left.
 */
import { parsePosition } from '@tidemark/contracts';
import type { Database, Identity } from '@tidemark/db';
import { SharedLimit } from '@tidemark/service';
import { type ChangeEnvelope, tableKey } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import { inSchema } from '../session-settings.ts';
import { catchUp } from './catch-up.ts';
import { checkRights } from './check-rights.ts';
import { ClassIndex } from './class-index.ts';
import { type ClassRights, classRights } from './class-rights.ts';
import { type Ended, EndedLog } from './ended-log.ts';
import type { FactsCache } from './facts-cache.ts';
import { FilterBudget, type FilterLimits } from './filter-budget.ts';
import { FilterWork } from './filter-work.ts';
import { serverFrame } from './frame.ts';
import { type LivePlan, parseLiveQuery, planLiveQuery } from './live-plan.ts';
import { Membership } from './membership.ts';
import { publicError } from './public-error.ts';
import { createWindowReader } from './read-window.ts';
import { RightsClass } from './rights-class.ts';
import { sendSnapshot } from './send-snapshot.ts';
import { settleSnapshot } from './settle-snapshot.ts';
import type { Snapshots } from './snapshot.ts';
import { type Sink, Subscription } from './subscription.ts';
import { type DeliveryPolicy, type Mode, Topic } from './topic.ts';
import { Turns } from './turns.ts';
import { Window, type WindowOptions } from './window.ts';

export interface SubscribeRequest {
  id: string;
  query: string;
  profile: string | undefined;
  snapshot: boolean;
  mode: Mode;
  after: string | undefined;
  identity: Identity;
  sink: Sink;
  /** Called once, when it has ended for whatever reason. */
  onEnd(subscription: Subscription): void;
  /** The socket's own subscription to the same topic, if it has one. */
  existing(topic: Topic): Subscription | undefined;
}

export interface TopicsOptions {
  database: Database;
  feed: Feed;
  history: History;
  snapshots: Snapshots;
  facts: FactsCache;
  schemas: readonly string[];
  maxSubscriptions: number;
  windows: {
    maxRows: number;
    maxWindows: number;
    intervalMs: number;
    concurrency: number;
    /** Bytes of one window's rows. */
    maxBytes: number;
    /** Bytes of the rows of all windows. */
    totalBytes: number;
  };
  /** Bytes of snapshots that are kept for a second, to be shared. */
  sharedSnapshotBytes: number;
  /** How policies that read other tables are followed (membership.ts). */
  membership: { intervalMs: number; resyncsPerS: number };
  /** Questions at a time what a class of rights may see. */
  rightsConcurrency: number;
  filters: FilterLimits;
  delivery: Omit<DeliveryPolicy, 'onDelivered' | 'onConflated'>;
  observe: (event: RealtimeEvent) => void;
  /** Changes sent, how long after their commit, and of what. */
  onDelivered(changes: number, ms: number, envelope: ChangeEnvelope): void;
}

export interface TopicsCounts {
  topics: number;
  /** Of them. */
  windows: number;
  windowReadsTotal: number;
  windowReadsWaiting: number;
  windowBytes: number;
  sharedSnapshotBytes: number;
  subscriptions: number;
  classes: number;
  rightsQuestionsTotal: number;
  rightsQuestionsWaiting: number;
  /** Of tables that policies read: how many are watched, how many classes wait to be told, looks at them, and resyncs. */
  membership: ReturnType<Membership['counts']>;
  /** Steps for each row that the filters of all topics may take, and what was refused. */
  filterSteps: number;
  filterRefusalsTotal: number;
  /** Time that filters took in slices, and how many jobs wait for one. */
  filterMsTotal: number;
  filterJobsWaiting: number;
  filterQuestionsTotal: number;
  resyncsTotal: number;
  conflatedTotal: number;
}

export interface Topics {
  /** Resolves when the subscription is in place and `subscribed` was sent; it then catches up by itself. */
  subscribe(request: SubscribeRequest): Promise<Subscription>;
  receive(envelope: ChangeEnvelope): void;
  resyncAll(reason: string): void;
  start(): void;
  stop(): void;
  /** Ends what rests on facts that have changed. */
  checkRights(): Promise<void>;
  counts(): TopicsCounts;
  /** In the order in which they began, which their numbers tell. */
  placed(): Iterable<readonly [Subscription, Place]>;
  /** One of a socket, by the client's id. */
  find(sink: string, id: string): readonly [Subscription, Place] | undefined;
  /** How one ended that is no longer there, as long as that is remembered. */
  ended(sink: string, id: string): Ended | undefined;
}

export interface Place {
  readonly number: number;
  readonly rights: RightsClass;
  readonly classKey: string;
  readonly tableKey: string;
  readonly role: Identity;
  readonly version: string;
}

/** An envelope is no JSON. */
const UNREADABLE = 'a change could not be read';

export function createTopics(options: TopicsOptions): Topics {
  const { feed, observe } = options;
  const topics = new Map<string, Topic>();
  const places = new Map<Subscription, Place>();
  const classes = new Map<string, RightsClass>();
  const classesOfTable = new Map<string, ClassIndex<RightsClass>>();
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
  /** At most one for each class, and for each subscription that catches up. */
  const turns = new Turns(options.rightsConcurrency);
  /** Apart, so that cheap filters never wait for costly ones. */
  const cheapFilters = new FilterWork(options.database);
  const costlyFilters = new FilterWork(options.database);
  const budget = new FilterBudget(options.filters);
  /** What gives back what the filter of each topic was charged. */
  const charged = new Map<Topic, () => void>();
  const membership = new Membership({ database: options.database, feed, ...options.membership, observe });
  const reader = createWindowReader({
    database: options.database,
    feed,
    concurrency: options.windows.concurrency,
    maxBytes: options.windows.maxBytes,
  });
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

  function rightsClass(classKey: string, plan: LivePlan, shared: ClassRights, key: string): RightsClass {
    const found = classes.get(classKey);
    if (found) return found;
    const rights: RightsClass = new RightsClass({
      feed,
      database: options.database,
      table: key,
      facts: plan.facts,
      rights: shared,
      turns,
      floor: () => membership.floor(rights),
      filters: plan.filter.isCheap ? cheapFilters : costlyFilters,
      onAsked() {
        rightsQuestionsTotal += 1;
      },
      onDelivered,
      onFailed: (error) => observe({ type: 'topic.failed', table: plan.facts.table, error }),
    });
    classes.set(classKey, rights);
    membership.add(rights, shared);
    let ofTable = classesOfTable.get(key);
    if (!ofTable) {
      ofTable = new ClassIndex();
      classesOfTable.set(key, ofTable);
    }
    ofTable.add(rights);
    return rights;
  }

  function makeTopic(key: string, plan: LivePlan, mode: Mode, holder: string): Topic {
    lastId += 1;
    if (!plan.window) return new Topic(lastId, key, plan, mode, policy);
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
      onFailed: (error) => observe({ type: 'topic.failed', table: plan.facts.table, error }),
      onRead() {
        windowReadsTotal += 1;
      },
    };
    return new Window(lastId, key, plan, mode, policy, windowOptions);
  }

  /** An envelope or a row that cannot be read: whoever follows the table has missed something. */
  function unreadable(rights: RightsClass, error: Error): void {
    observe({ type: 'topic.failed', table: rights.facts.table, error });
    rights.resync(UNREADABLE);
  }

  function leave(
    subscription: Subscription,
    reason: string | undefined,
    request: SubscribeRequest,
    release: () => void,
  ): void {
    const { topic } = subscription;
    release();
    const place = places.get(subscription) as Place;
    if (reason !== undefined) {
      resyncsTotal += 1;
      observe({ type: 'topic.resync', table: place.rights.facts.table, reason });
    }
    places.delete(subscription);
    ended.add(subscription.sink.name, subscription.id, reason);
    topic.subscriptions.delete(subscription);
    request.onEnd(subscription);
    if (topic.subscriptions.size > 0) return;
    topic.close();
    charged.get(topic)?.();
    charged.delete(topic);
    topics.delete(topic.key);
    place.rights.delete(topic);
    if (place.rights.topics.size > 0) return;
    place.rights.close();
    membership.delete(place.rights);
    classes.delete(place.classKey);
    const ofTable = classesOfTable.get(place.tableKey);
    ofTable?.delete(place.rights);
    if (ofTable?.all.size === 0) classesOfTable.delete(place.tableKey);
  }

  async function subscribe(request: SubscribeRequest): Promise<Subscription> {
    if (request.snapshot && request.after !== undefined) throw errors.OPTIONS_CONFLICT();
    const { table, query } = parseLiveQuery(request.query);
    const schema = request.profile ?? (options.schemas[0] as string);
    if (!options.schemas.includes(schema)) {
      throw errors.SCHEMA_UNKNOWN({ schema, schemas: options.schemas.join(', ') });
    }
    const position = request.after === undefined ? undefined : parsePosition(request.after);
    const problem = feed.problem();
    if (problem) throw errors.NOT_FOLLOWING({ reason: problem });
    const identity = inSchema(request.identity, schema);
    const facts = await options.facts.get(identity, schema, table);
    const plan = planLiveQuery(query, facts, identity, options.windows.maxRows);
    if (request.sink.closed) throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
    if (places.size >= options.maxSubscriptions) {
      throw errors.TOO_MANY_SUBSCRIPTIONS({ limit: options.maxSubscriptions, where: 'instance' });
    }

    const key = tableKey(schema, table);
    const shared = classRights(facts, identity);
    // Queries with costly filters keep no others waiting.
    const classKey = `${key}\0${facts.shape}\0${shared.key}${plan.filter.isCheap ? '' : '\0costly'}`;
    if (request.mode === 'latest' && facts.key.length === 0) throw errors.LATEST_NEEDS_KEY({ table });
    const topicKey = `${classKey}\0${request.mode}\0${plan.canonical}`;
    let topic = topics.get(topicKey);
    const existing = topic && request.existing(topic);
    if (existing) throw errors.QUERY_IN_USE({ id: existing.id });
    const { holder } = request.sink;
    const charge = budget.admit(request.sink, holder, plan.filter.steps, topic === undefined);
    let made: Topic;
    try {
      made = topic ?? makeTopic(topicKey, plan, request.mode, holder);
    } catch (error) {
      charge.leave();
      charge.close();
      throw error;
    }
    const rights = rightsClass(classKey, plan, shared, key);
    if (!topic) {
      topic = made;
      topics.set(topicKey, topic);
      charged.set(topic, () => {
        charge.close();
        if (made instanceof Window) windows.give(holder, 1);
      });
      rights.add(topic);
    }
    const subscription = new Subscription(request.id, topic, request.sink, (s, reason) =>
      leave(s, reason, request, charge.leave),
    );
    lastNumber += 1;
    const place = { number: lastNumber, rights, classKey, tableKey: key, role: identity, version: facts.version };
    places.set(subscription, place);
    topic.subscriptions.add(subscription);
    request.sink.tell(serverFrame({ op: 'subscribed', id: request.id, topic: topic.id, key: [...plan.key] }));
    if (position && !plan.window) {
      if (position.epoch !== feed.epoch()) subscription.resync('the position is of another epoch');
      else subscription.gate = { kind: 'position', lsn: position.lsn, index: position.index };
    }
    void begin(subscription, request, identity, rights, key);
    return subscription;
  }

  async function begin(
    subscription: Subscription,
    request: SubscribeRequest,
    identity: Identity,
    rights: RightsClass,
    key: string,
  ) {
    const { schema, table } = rights.facts;
    const { topic } = subscription;
    let what: 'rows' | 'policies' = 'rows';
    try {
      const { history, snapshots } = options;
      const { holder } = request.sink;
      const from = { sequence: rights.cursor(topic), lsn: feed.lsn() };
      const context = { feed, history, rights, schema, table, tableKey: key, holder, from, onDelivered };
      if (rights.facts.tablesRead.tables.length > 0) await membership.ready(rights);
      if (topic instanceof Window) {
        topic.notBefore(membership.floor(rights));
        await topic.join(subscription, identity, request.snapshot || request.after !== undefined);
        return;
      }
      if (request.snapshot) {
        const notBefore = membership.floor(rights);
        const snapshot = await sendSnapshot({
          subscription,
          snapshots,
          identity,
          feed,
          tableKey: key,
          notBefore,
          kept: sharedSnapshots,
        });
        what = 'policies';
        await settleSnapshot(subscription, snapshot, context);
      }
      what = 'policies';
      const { gate } = subscription;
      if (!request.snapshot && gate.kind === 'position') {
        subscription.beginning = { gate, sequence: -1 };
        if (membership.hasChangedSince(rights, gate, key))
          return subscription.resync('what the row-level security of the table reads may have changed since');
      }
      if (!subscription.ended) await catchUp(subscription, context);
    } catch (error) {
      if (subscription.ended || request.sink.closed) return subscription.end();
      observe({ type: 'topic.failed', table, error: error as Error });
      if (error instanceof SyntaxError) return subscription.resync(UNREADABLE);
      subscription.fail(publicError(error as Error, { table, what }));
    }
  }

  return {
    subscribe,
    start: () => membership.start(),
    stop: () => membership.stop(),
    receive(envelope) {
      membership.receive(envelope);
      const index = classesOfTable.get(envelope.table);
      if (!index) return;
      let concerned: ReadonlySet<RightsClass>;
      try {
        concerned = index.concerned(envelope);
      } catch (error) {
        for (const rights of index.all) unreadable(rights, error as Error);
        return;
      }
      for (const rights of concerned) {
        try {
          rights.receive(envelope);
        } catch (error) {
          unreadable(rights, error as Error);
        }
      }
    },
    resyncAll(reason) {
      for (const subscription of [...places.keys()]) subscription.resync(reason);
    },
    checkRights: () => checkRights(places, lastNumber, options.facts),
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
      classes: classes.size,
      rightsQuestionsTotal,
      rightsQuestionsWaiting: turns.waiting,
      membership: membership.counts(),
      filterSteps: budget.instance.used,
      filterRefusalsTotal: budget.instance.refusedTotal,
      filterMsTotal: cheapFilters.slices.totalMs + costlyFilters.slices.totalMs,
      filterJobsWaiting: cheapFilters.slices.waiting + costlyFilters.slices.waiting,
      filterQuestionsTotal: cheapFilters.questionsTotal + costlyFilters.questionsTotal,
      resyncsTotal,
      conflatedTotal,
    }),
  };
}
