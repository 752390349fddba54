/** The interface of the topics of an instance. */
import type { Database, Identity } from '@tidemark/db';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import type { RealtimeEvent } from '../events.ts';
import type { Membership } from '../membership/membership.ts';
import type { FilterLimits } from '../query/filter-budget.ts';
import type { RlsGroup } from '../rls/rls-group.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import type { FactsCache } from '../tables/facts-cache.ts';
import type { TableFacts } from '../tables/table-facts.ts';
import type { Sink, Subscription } from '../topics/subscription.ts';
import type { DeliveryPolicy, Mode, Topic } from '../topics/topic.ts';
import type { Ended } from './ended-log.ts';

export interface SubscribeRequest {
  id: string;
  query: string;
  profile: string | undefined;
  snapshot: boolean;
  mode: Mode;
  after: string | undefined;
  identity: Identity;
  sink: Sink;
  /** Called once, when the subscription has ended. */
  onEnd(subscription: Subscription): void;
  /** Returns the socket's subscription to the topic, if it has one. */
  existing(topicId: number): Subscription | undefined;
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
  /** Limit of the bytes of shared snapshots. */
  sharedSnapshotBytes: number;
  /** Limits for policies that read other tables (membership.ts). */
  membership: { intervalMs: number; resyncsPerS: number };
  /** Statements at a time that evaluate policies. */
  rightsConcurrency: number;
  filters: FilterLimits;
  delivery: Omit<DeliveryPolicy, 'onDelivered' | 'onConflated'>;
  observe: (event: RealtimeEvent) => void;
  /** @param ms time since the commit */
  onDelivered(changes: number, ms: number, envelope: ChangeEnvelope): void;
}

export interface TopicsCounts {
  topics: number;
  windows: number;
  windowReadsTotal: number;
  windowReadsWaiting: number;
  windowBytes: number;
  sharedSnapshotBytes: number;
  subscriptions: number;
  classes: number;
  rightsQuestionsTotal: number;
  rightsQuestionsWaiting: number;
  membership: ReturnType<Membership['counts']>;
  /** Steps for each row that the filters of all topics may take. */
  filterSteps: number;
  filterRefusalsTotal: number;
  /** Time that filters took in slices. */
  filterMsTotal: number;
  filterJobsWaiting: number;
  filterQuestionsTotal: number;
  resyncsTotal: number;
  conflatedTotal: number;
}

export interface Topics {
  /** Resolves when `subscribed` was sent; the subscription then catches up by itself. */
  subscribe(request: SubscribeRequest): Promise<Subscription>;
  receive(envelope: ChangeEnvelope): void;
  resyncAll(reason: string): void;
  start(): void;
  stop(): void;
  /** Resyncs the subscriptions whose facts have changed. */
  checkRights(): Promise<void>;
  /** Resyncs the subscriptions whose definition of these tables differs from the announced one. */
  redefine(tableKeys: readonly string[]): void;
  counts(): TopicsCounts;
  /** Returns all subscriptions in the order of their numbers. */
  placed(): Iterable<readonly [Subscription, Place]>;
  /** Finds a subscription by its socket and the client's id. */
  find(sink: string, id: string): readonly [Subscription, Place] | undefined;
  /** Returns how a subscription ended, if it is still remembered. */
  ended(sink: string, id: string): Ended | undefined;
}

export interface Place {
  readonly number: number;
  readonly topic: Topic;
  readonly group: RlsGroup;
  readonly groupKey: string;
  readonly tableKey: string;
  readonly role: Identity;
  /** The facts that the subscription was planned with. */
  readonly facts: TableFacts;
}
