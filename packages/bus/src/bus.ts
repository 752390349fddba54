/**
 * One NATS connection of a process, with the subjects of `@tidemark/contracts`.
 */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { type Subjects, subjects as subjectsFor } from '@tidemark/contracts';
import type { TSchema } from 'typebox';
import { type AnswerOptions, type AskOptions, answer, ask } from './ask.ts';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';
import { misfitOf } from './misfit.ts';
import { ensureStreams, type StreamLimits } from './streams.ts';

export interface BusOptions {
  /** `nats://host:port`, or several separated by commas. */
  url: string;
  /** Shown in NATS's connection list. */
  name: string;
  /** In front of every subject and stream name. */
  prefix?: string;
  /** Most time to wait for the first connection, ms. Afterwards it reconnects for ever. */
  connectTimeoutMs?: number;
  observe?: (event: BusEvent) => void;
}

export interface SubscribeOptions {
  /** Messages that do not fit are reported and dropped. */
  schema?: TSchema;
  queue?: string;
}

export interface Bus {
  readonly subjects: Subjects;
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Core NATS, JSON, at most once. Dropped while disconnected: for telemetry and alerts, never for what must arrive. */
  publish(subject: string, payload: unknown): void;
  subscribe<T>(
    subject: string,
    handler: (payload: T, subject: string) => void,
    options?: SubscribeOptions,
  ): Subscription;
  /** Core NATS request and reply. @throws BUS_DISCONNECTED, BUS_NOBODY, BUS_NO_ANSWER, and what `answer`'s handler threw there */
  ask<A>(subject: string, question: unknown, options: AskOptions): Promise<A>;
  /** Answers what is asked on a subject; a TidemarkError that the handler throws is thrown where it was asked. */
  answer<Q, A>(subject: string, handler: (question: Q) => Promise<A> | A, options: AnswerOptions): Subscription;
  ensureStreams(limits?: StreamLimits): Promise<void>;
  connected(): boolean;
  /** Undefined while connected, else what is wrong. */
  problem(): string | undefined;
  /** Drains for at most two seconds, then closes. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 15_000;
const DRAIN_TIMEOUT_MS = 2_000;
/** A dead server is noticed within 3 × 5 s; NATS's own default is two minutes twice. */
const PING_INTERVAL_MS = 5_000;
const MAX_PINGS_OUT = 3;

/** @throws BUS_UNREACHABLE, BUS_NO_JETSTREAM */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const observe = options.observe ?? (() => {});
  const subjects = subjectsFor(options.prefix);
  const nc = await firstConnection(options);
  let jsm: JetStreamManager;
  try {
    jsm = await jetstreamManager(nc);
  } catch (cause) {
    await nc.close();
    throw errors.NO_JETSTREAM({ url: redact(options.url) }, { cause });
  }

  let connected = true;
  let server = nc.getServer();
  observe({ type: 'bus.connected', server });
  const watching = (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        connected = false;
        observe({ type: 'bus.disconnected', server });
      } else if (status.type === 'reconnect') {
        connected = true;
        server = status.server;
        observe({ type: 'bus.reconnected', server });
      } else if (status.type === 'error') {
        observe({ type: 'bus.error', error: status.error });
      } else if (status.type === 'slowConsumer') {
        observe({ type: 'bus.slow_consumer', subject: status.sub.getSubject(), pending: status.pending });
      }
    }
  })();

  return {
    subjects,
    nc,
    js: jetstream(nc),
    jsm,
    publish(subject, payload) {
      if (connected && !nc.isClosed()) nc.publish(subject, JSON.stringify(payload));
    },
    subscribe<T>(
      subject: string,
      handler: (payload: T, subject: string) => void,
      subscribeOptions: SubscribeOptions = {},
    ) {
      const misfit = subscribeOptions.schema && misfitOf(subscribeOptions.schema);
      return nc.subscribe(subject, {
        ...(subscribeOptions.queue ? { queue: subscribeOptions.queue } : {}),
        callback: (error, message) => {
          if (error) {
            observe({ type: 'bus.error', error });
            return;
          }
          let payload: unknown;
          try {
            payload = message.json();
          } catch {
            observe({ type: 'bus.invalid_payload', subject: message.subject, problem: 'not JSON' });
            return;
          }
          const problem = misfit?.(payload);
          if (problem !== undefined) {
            observe({ type: 'bus.invalid_payload', subject: message.subject, problem });
            return;
          }
          handler(payload as T, message.subject);
        },
      });
    },
    async ask<A>(subject: string, question: unknown, askOptions: AskOptions) {
      if (!connected || nc.isClosed()) throw errors.DISCONNECTED({ server });
      return ask<A>(nc, subject, question, askOptions);
    },
    answer: (subject, handler, answerOptions) => answer(nc, subject, handler, { ...answerOptions, observe }),
    ensureStreams: (limits = {}) => ensureStreams(jsm, subjects, limits),
    connected: () => connected && !nc.isClosed(),
    problem: () => (connected && !nc.isClosed() ? undefined : errors.DISCONNECTED({ server }).message),
    async close() {
      if (!nc.isClosed()) {
        let timer: NodeJS.Timeout | undefined;
        const limit = new Promise<void>((resolve) => {
          timer = setTimeout(resolve, DRAIN_TIMEOUT_MS);
        });
        // A drain cannot finish without a server; the limit and close() end it.
        await Promise.race([nc.drain().catch((error: Error) => observe({ type: 'bus.error', error })), limit]);
        clearTimeout(timer);
        await nc.close();
      }
      await watching;
    },
  };
}

async function firstConnection(options: BusOptions): Promise<NatsConnection> {
  const deadline = Date.now() + (options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
  for (;;) {
    try {
      return await connect({
        servers: options.url.split(',').map((url) => url.trim()),
        name: options.name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        reconnectJitter: 250,
        pingInterval: PING_INTERVAL_MS,
        maxPingOut: MAX_PINGS_OUT,
        timeout: Math.min(5_000, Math.max(100, deadline - Date.now())),
      });
    } catch (cause) {
      if (Date.now() >= deadline) {
        const seconds = Math.round((options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS) / 1_000);
        throw errors.UNREACHABLE({ url: redact(options.url), seconds }, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** A NATS URL without its password, for messages. */
function redact(url: string): string {
  return url.replace(/\/\/[^@/]*@/g, '//***@');
}
