/** Prometheus's view: counters of events, gauges read when asked. */
import type { Metrics } from '@tidemark/service';
import type { Feed } from './changes/feed.ts';
import type { History } from './changes/history.ts';
import type { Channels } from './channels/channels.ts';
import type { Peers } from './draining/peers.ts';
import type { Relay } from './relay/relay.ts';
import type { Snapshots } from './snapshots/snapshots.ts';
import type { Sockets } from './sockets/sockets.ts';
import type { EventStreams } from './sse/event-streams.ts';
import type { Topics } from './subscriptions/topics-api.ts';

export interface Measured {
  relay: Relay | undefined;
  feed: Feed;
  history: History;
  snapshots: Snapshots;
  topics: Topics;
  channels: Channels;
  sockets: Sockets;
  streams: EventStreams;
  /** Undefined where clients do not reach the instances themselves. */
  peers: Peers | undefined;
}

export function registerGauges(metrics: Metrics, measured: Measured): void {
  const { relay, feed, history, snapshots, topics, channels, sockets, streams, peers } = measured;
  const gauge = (name: string, help: string, read: () => number) => {
    metrics.gauge(name, help, [], (g) => g.set(read()));
  };
  gauge('tidemark_sockets_open', 'Open WebSockets', () => sockets.counts().open);
  gauge('tidemark_sockets_buffered_bytes', 'Bytes that wait for clients', () => sockets.counts().bufferedBytes);
  gauge('tidemark_event_streams_open', 'Open event streams', () => streams.counts().open);
  gauge(
    'tidemark_event_streams_buffered_bytes',
    'Bytes that wait for their clients',
    () => streams.counts().bufferedBytes,
  );
  gauge('tidemark_live_peers', 'Other instances that clients can be sent to', () => peers?.count() ?? 0);
  gauge('tidemark_subscriptions', 'Subscriptions', () => topics.counts().subscriptions);
  gauge('tidemark_topics', 'Distinct queries under distinct rights', () => topics.counts().topics);
  gauge('tidemark_live_windows', 'Topics that are windows (order and limit)', () => topics.counts().windows);
  gauge('tidemark_live_window_reads', 'Reads of windows since the start', () => topics.counts().windowReadsTotal);
  gauge(
    'tidemark_live_window_reads_waiting',
    'Reads of windows that wait for a turn',
    () => topics.counts().windowReadsWaiting,
  );
  gauge('tidemark_rights_classes', 'Distinct rights on distinct tables', () => topics.counts().classes);
  gauge(
    'tidemark_rights_questions_waiting',
    'Of them, those that wait for a turn',
    () => topics.counts().rightsQuestionsWaiting,
  );
  gauge(
    'tidemark_rights_questions',
    'Times that Postgres was asked which rows a class of rights may see, since the start',
    () => topics.counts().rightsQuestionsTotal,
  );
  gauge(
    'tidemark_membership_tables',
    'Tables that policies of followed tables read, and that are watched',
    () => topics.counts().membership.tables,
  );
  gauge(
    'tidemark_membership_looks',
    'Times that Postgres was asked whether such tables have changed, since the start',
    () => topics.counts().membership.looksTotal,
  );
  gauge(
    'tidemark_membership_waiting',
    'Classes of rights that wait to be told of such a change',
    () => topics.counts().membership.waiting,
  );
  gauge(
    'tidemark_membership_resyncs',
    'Subscriptions that were resynced because of such a change, since the start',
    () => topics.counts().membership.resyncsTotal,
  );
  gauge(
    'tidemark_live_filter_steps',
    'Steps for each row that the filters of all distinct queries may take',
    () => topics.counts().filterSteps,
  );
  gauge(
    'tidemark_live_filter_refusals',
    'Subscriptions refused for the cost of filters since the start',
    () => topics.counts().filterRefusalsTotal,
  );
  gauge(
    'tidemark_live_filter_seconds',
    'Time that filters took in slices since the start',
    () => topics.counts().filterMsTotal / 1_000,
  );
  gauge('tidemark_live_filter_jobs_waiting', 'Filters that wait for a slice', () => topics.counts().filterJobsWaiting);
  gauge(
    'tidemark_live_filter_questions',
    'Times that Postgres was asked what filters say, since the start',
    () => topics.counts().filterQuestionsTotal,
  );
  gauge('tidemark_channels', 'Channels that sockets of this instance are in', () => channels.counts().channels);
  gauge('tidemark_channel_members', 'Places of sockets in channels', () => channels.counts().members);
  gauge('tidemark_channel_present', 'Members that are shown, on all instances', () => channels.counts().present);
  gauge(
    'tidemark_channel_messages_sent',
    'Messages from this instance since its start',
    () => channels.counts().messagesTotal,
  );
  gauge(
    'tidemark_channel_frames_dropped',
    'Frames that slow sockets missed since the start',
    () => channels.counts().droppedTotal,
  );
  gauge('tidemark_ring_bytes', 'Bytes of recent changes in memory', () => feed.ring.bytes);
  gauge('tidemark_history_bytes', 'Bytes read from JetStream that wait to be sent to those who resume', () =>
    history.heldBytes(),
  );
  gauge(
    'tidemark_snapshots_shared_bytes',
    'Bytes of snapshots that are kept to be shared',
    () => topics.counts().sharedSnapshotBytes,
  );
  gauge('tidemark_live_window_bytes', 'Bytes that the rows of windows keep', () => topics.counts().windowBytes);
  gauge('tidemark_channel_state_bytes', 'Bytes of the states that members show', () => channels.counts().stateBytes);
  gauge(
    'tidemark_sockets_waiting_frame_bytes',
    'Bytes of clients’ frames that wait for those before them',
    () => sockets.counts().waitingFrameBytes,
  );
  gauge('tidemark_snapshots_running', 'Snapshots being taken', () => snapshots.running());
  gauge('tidemark_snapshots_waiting', 'Snapshots that wait for a turn', () => snapshots.waiting());
  gauge('tidemark_history_waiting', 'Resuming subscribers that wait to read JetStream', () => history.waiting());
  gauge('tidemark_relay_active', '1 where this instance runs the relay', () =>
    relay?.stats().role === 'active' ? 1 : 0,
  );
  gauge(
    'tidemark_relay_lag_bytes',
    'WAL between the primary and what JetStream has',
    () => relay?.stats().lagBytes ?? 0,
  );
  metrics.gauge('tidemark_relay_failing_table', '1 for each table whose values cannot be rendered', ['table'], (g) => {
    g.reset();
    for (const table of relay?.failing.names ?? []) g.set({ table }, 1);
  });
  gauge(
    'tidemark_relay_unreadable_rows',
    'Changes published without values that could not be rendered, since the start',
    () => relay?.failing.rowsTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_looks',
    'Looks at what decides who sees which rows of published tables, since the start',
    () => relay?.definitions().looksTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_failures',
    'Of them and of what they found, those that failed or could not be written',
    () => relay?.definitions().failedTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_changes',
    'Definitions that were found changed since the start',
    () => relay?.definitions().changesTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_look_seconds',
    'Time that the last look at all tables took',
    () => (relay?.definitions().lastLookMs ?? 0) / 1_000,
  );
  const use = () => relay?.budget.use();
  gauge('tidemark_relay_slot_retained_bytes', 'WAL that the slot keeps', () => use()?.retainedBytes ?? 0);
  gauge('tidemark_relay_wal_budget_bytes', 'WAL that it may keep', () => use()?.limitBytes ?? 0);
  gauge('tidemark_relay_in_flight', 'Messages without JetStream’s acknowledgement', () => relay?.stats().inFlight ?? 0);
}
