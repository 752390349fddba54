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
  onEnd(subscription: Subscription): void;
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
    maxBytes: number;
    totalBytes: number;
  };
  sharedSnapshotBytes: number;
  /** Limits for policies that read other tables (membership.ts). */
  membership: { intervalMs: number; resyncsPerS: number };
  /** Statements at a time that evaluate policies. */
  rightsConcurrency: number;
  filters: FilterLimits;
  delivery: Omit<DeliveryPolicy, 'onDelivered' | 'onConflated'>;
  observe: (event: RealtimeEvent) => void;
  /** `ms` is the time since the commit. */
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
  filterSteps: number;
  filterRefusalsTotal: number;
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
  checkRights(): Promise<void>;
  /** Resyncs the subscriptions whose definition of these tables differs from the announced one. */
  redefine(tableKeys: readonly string[]): void;
  counts(): TopicsCounts;
  placed(): Iterable<readonly [Subscription, Place]>;
  find(sink: string, id: string): readonly [Subscription, Place] | undefined;
  ended(sink: string, id: string): Ended | undefined;
}

export interface Place {
  readonly number: number;
  readonly topic: Topic;
  readonly group: RlsGroup;
  readonly groupKey: string;
  readonly tableKey: string;
  readonly role: Identity;
  readonly facts: TableFacts;
}
