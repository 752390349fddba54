/** The Prometheus metrics of this service, read at each scrape. */
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
  /** Undefined where clients cannot reach single instances. */
  peers: Peers | undefined;
}

export function registerGauges(metrics: Metrics, measured: Measured): void {
  const { relay, feed, history, snapshots, topics, channels, sockets, streams, peers } = measured;
  const gauge = (name: string, help: string, read: () => number) => {
    metrics.gauge(name, help, [], (g) => g.set(read()));
  };
  gauge('tidemark_sockets_open', 'Open WebSockets', () => sockets.counts().open);
  gauge('tidemark_sockets_buffered_bytes', 'Bytes in the buffers of WebSockets', () => sockets.counts().bufferedBytes);
  gauge('tidemark_event_streams_open', 'Open event streams', () => streams.counts().open);
  gauge(
    'tidemark_event_streams_buffered_bytes',
    'Bytes in the buffers of event streams',
    () => streams.counts().bufferedBytes,
  );
  gauge('tidemark_live_peers', 'Other instances that draining clients are sent to', () => peers?.count() ?? 0);
  gauge('tidemark_subscriptions', 'Subscriptions', () => topics.counts().subscriptions);
  gauge('tidemark_topics', 'Topics: distinct queries of distinct RLS groups', () => topics.counts().topics);
  gauge('tidemark_live_windows', 'Live windows (queries with order and limit)', () => topics.counts().windows);
  gauge('tidemark_live_window_reads', 'Reads of windows since the start', () => topics.counts().windowReadsTotal);
  gauge(
    'tidemark_live_window_reads_waiting',
    'Reads of windows that wait for a place',
    () => topics.counts().windowReadsWaiting,
  );
  gauge('tidemark_rights_classes', 'RLS groups', () => topics.counts().classes);
  gauge(
    'tidemark_rights_questions_waiting',
    'Policy checks that wait for a place',
    () => topics.counts().rightsQuestionsWaiting,
  );
  gauge(
    'tidemark_rights_questions',
    'Policy checks by Postgres since the start',
    () => topics.counts().rightsQuestionsTotal,
  );
  gauge(
    'tidemark_membership_tables',
    'Watched tables that policies of followed tables read',
    () => topics.counts().membership.tables,
  );
  gauge(
    'tidemark_membership_looks',
    'Reads of the statistics of watched tables since the start',
    () => topics.counts().membership.looksTotal,
  );
  gauge(
    'tidemark_membership_waiting',
    'RLS groups that wait for resyncs after a change of a watched table',
    () => topics.counts().membership.waiting,
  );
  gauge(
    'tidemark_membership_resyncs',
    'Subscriptions resynced after a change of a watched table, since the start',
    () => topics.counts().membership.resyncsTotal,
  );
  gauge(
    'tidemark_live_filter_steps',
    'Steps per row that the filters of all topics may take',
    () => topics.counts().filterSteps,
  );
  gauge(
    'tidemark_live_filter_refusals',
    'Subscriptions refused for the cost of their filters since the start',
    () => topics.counts().filterRefusalsTotal,
  );
  gauge(
    'tidemark_live_filter_seconds',
    'Time of filters in slices since the start',
    () => topics.counts().filterMsTotal / 1_000,
  );
  gauge(
    'tidemark_live_filter_jobs_waiting',
    'Filters that wait for a time slice',
    () => topics.counts().filterJobsWaiting,
  );
  gauge(
    'tidemark_live_filter_questions',
    'Filter evaluations by Postgres since the start',
    () => topics.counts().filterQuestionsTotal,
  );
  gauge('tidemark_channels', 'Channels with sockets of this instance', () => channels.counts().channels);
  gauge('tidemark_channel_members', 'Memberships of sockets in channels', () => channels.counts().members);
  gauge('tidemark_channel_present', 'Members with a state, on all instances', () => channels.counts().present);
  gauge(
    'tidemark_channel_messages_sent',
    'Messages sent by this instance since the start',
    () => channels.counts().messagesTotal,
  );
  gauge(
    'tidemark_channel_frames_dropped',
    'Frames dropped for slow sockets since the start',
    () => channels.counts().droppedTotal,
  );
  gauge('tidemark_ring_bytes', 'Bytes of recent changes in memory', () => feed.ring.bytes);
  gauge('tidemark_history_bytes', 'Bytes read from JetStream for resuming subscriptions and not sent yet', () =>
    history.heldBytes(),
  );
  gauge('tidemark_snapshots_shared_bytes', 'Bytes of shared snapshots', () => topics.counts().sharedSnapshotBytes);
  gauge('tidemark_live_window_bytes', 'Bytes of the rows of live windows', () => topics.counts().windowBytes);
  gauge('tidemark_channel_state_bytes', 'Bytes of the states of channel members', () => channels.counts().stateBytes);
  gauge(
    'tidemark_sockets_waiting_frame_bytes',
    'Bytes of client frames that wait for earlier ones',
    () => sockets.counts().waitingFrameBytes,
  );
  gauge('tidemark_snapshots_running', 'Snapshots being taken', () => snapshots.running());
  gauge('tidemark_snapshots_waiting', 'Snapshots that wait for a place', () => snapshots.waiting());
  gauge('tidemark_history_waiting', 'Resuming subscriptions that wait to read JetStream', () => history.waiting());
  gauge('tidemark_relay_active', '1 where this instance runs the relay', () =>
    relay?.stats().role === 'active' ? 1 : 0,
  );
  gauge(
    'tidemark_relay_lag_bytes',
    'WAL of the primary that JetStream does not have yet',
    () => relay?.stats().lagBytes ?? 0,
  );
  metrics.gauge(
    'tidemark_relay_failing_table',
    '1 for each table with values that cannot be rendered',
    ['table'],
    (g) => {
      g.reset();
      for (const table of relay?.failing.names ?? []) g.set({ table }, 1);
    },
  );
  gauge(
    'tidemark_relay_unreadable_rows',
    'Changes published without some values since the start',
    () => relay?.failing.rowsTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_looks',
    'Checks of the definitions of published tables since the start',
    () => relay?.definitions().looksTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_failures',
    'Failed checks and writes of definitions since the start',
    () => relay?.definitions().failedTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_changes',
    'Changed definitions since the start',
    () => relay?.definitions().changesTotal ?? 0,
  );
  gauge(
    'tidemark_relay_definition_look_seconds',
    'Duration of the last check of all definitions',
    () => (relay?.definitions().lastLookMs ?? 0) / 1_000,
  );
  const use = () => relay?.budget.use();
  gauge('tidemark_relay_slot_retained_bytes', 'WAL that the slot keeps', () => use()?.retainedBytes ?? 0);
  gauge('tidemark_relay_wal_budget_bytes', 'WAL that the slot may keep', () => use()?.limitBytes ?? 0);
  gauge('tidemark_relay_in_flight', 'Messages not acknowledged by JetStream yet', () => relay?.stats().inFlight ?? 0);
}
