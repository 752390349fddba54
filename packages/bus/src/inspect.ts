import type { StreamInfo } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { clientOf } from './client.ts';
import { isMissingStream } from './streams.ts';

export interface StreamState {
  name: string;
  messages: number;
  bytes: number;
  /** -1 when unlimited. */
  maxBytes: number;
  consumers: number;
  pending: number;
  ackPending: number;
}

export interface NatsState {
  version: string;
  roundTripMs: number;
  streams: StreamState[];
  storageBytes: number;
}

/** The sums of `StreamState` cover this many consumers. Each instance has one; a page of the API holds 256. */
const MAX_CONSUMERS = 256;

/** Streams that do not exist yet are left out. */
export async function inspectNats(bus: Bus): Promise<NatsState> {
  const { nc, jsm } = clientOf(bus);
  const startedAt = performance.now();
  await nc.flush();
  const roundTripMs = performance.now() - startedAt;
  const streams = await Promise.all(Object.values(bus.subjects.streams).map((name) => inspectStream(bus, name)));
  const { storage } = await jsm.getAccountInfo();
  return {
    version: nc.info?.version ?? 'unknown',
    roundTripMs,
    streams: streams.filter((stream) => stream !== undefined),
    storageBytes: storage,
  };
}

async function inspectStream(bus: Bus, name: string): Promise<StreamState | undefined> {
  const { jsm } = clientOf(bus);
  let info: StreamInfo;
  try {
    info = await jsm.streams.info(name);
  } catch (error) {
    if (isMissingStream(error)) return undefined;
    throw error;
  }
  const { messages, bytes, consumer_count: consumers } = info.state;
  const state = { name, messages, bytes, maxBytes: info.config.max_bytes, consumers, pending: 0, ackPending: 0 };
  if (consumers === 0) return state;
  let seen = 0;
  for await (const consumer of jsm.consumers.list(name)) {
    state.pending += consumer.num_pending;
    state.ackPending += consumer.num_ack_pending;
    if (++seen >= MAX_CONSUMERS) break;
  }
  return state;
}
