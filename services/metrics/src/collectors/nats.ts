/** Reads the state of the NATS server and of the JetStream streams that Tidemark uses. */
import { type Bus, isMissingStream } from '@tidemark/bus';
import { errors } from '../errors.ts';
import type { CollectorDefinition } from './collector.ts';

export interface Stream {
  name: string;
  messages: number;
  bytes: number;
  /** -1: unlimited. */
  maxBytes: number;
  consumers: number;
  /** Sum of messages not delivered yet, over all consumers. */
  pending: number;
  /** Sum of messages delivered but not acknowledged, over all consumers. */
  ackPending: number;
}
export interface Nats {
  version: string;
  roundTripMs: number;
  streams: Stream[];
  storageBytes: number;
}

const INTERVAL_MS = 1_000;
const TIMEOUT_MS = 3_000;
/** Each instance has one consumer; a page of the JetStream API lists 256. */
const MAX_CONSUMERS = 256;

export function nats(bus: Bus): CollectorDefinition<Nats> {
  return {
    name: 'nats',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    async collect() {
      const problem = bus.problem();
      if (problem) throw errors.NATS_UNREACHABLE({ reason: problem });
      const startedAt = performance.now();
      await bus.nc.flush();
      const roundTripMs = performance.now() - startedAt;
      const names = Object.values(bus.subjects.streams);
      const streams = await Promise.all(names.map((name) => streamStats(bus, name)));
      const account = await bus.jsm.getAccountInfo();
      return {
        version: bus.nc.info?.version ?? 'unknown',
        roundTripMs,
        streams: streams.filter((stream) => stream !== undefined),
        storageBytes: account.storage,
      };
    },
  };
}

async function streamStats(bus: Bus, name: string): Promise<Stream | undefined> {
  let info: Awaited<ReturnType<typeof bus.jsm.streams.info>>;
  try {
    info = await bus.jsm.streams.info(name);
  } catch (error) {
    if (isMissingStream(error)) return undefined;
    throw error;
  }
  let pending = 0;
  let ackPending = 0;
  let seen = 0;
  if (info.state.consumer_count > 0) {
    for await (const consumer of bus.jsm.consumers.list(name)) {
      pending += consumer.num_pending;
      ackPending += consumer.num_ack_pending;
      if (++seen >= MAX_CONSUMERS) break;
    }
  }
  return {
    name,
    messages: info.state.messages,
    bytes: info.state.bytes,
    maxBytes: info.config.max_bytes,
    consumers: info.state.consumer_count,
    pending,
    ackPending,
  };
}
