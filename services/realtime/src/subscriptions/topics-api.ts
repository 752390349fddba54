/** What the topics of an instance are to its other parts. */
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
  /** Called once, when it has ended for whatever reason. */
  onEnd(subscription: Subscription): void;
  /** The socket's own subscription to the same topic, if it has one. */
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
  /** Ends what rests on another definition of these tables than the one that was announced. */
  redefine(tableKeys: readonly string[]): void;
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
  readonly topic: Topic;
  readonly group: RlsGroup;
  readonly groupKey: string;
  readonly tableKey: string;
  readonly role: Identity;
  /** What it was planned with. */
  readonly facts: TableFacts;
}
