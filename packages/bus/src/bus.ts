/**
 * One NATS connection of a process, with the subjects of `@tidemark/contracts`.
 */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type Subjects, subjects as subjectsFor } from '@tidemark/contracts';
import { createInbox, headers, type NatsConnection } from 'nats';
import type { TSchema } from 'typebox';
import { type AnswerOptions, type AskOptions, answer, ask } from './ask.ts';
import { ConnectionProblems, permissionError, violationIn } from './connection-problems.ts';
import { authenticator, type CredentialOptions } from './credentials.ts';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';
import { firstConnection } from './first-connection.ts';
import { misfitOf } from './misfit.ts';
import { parseServers } from './servers.ts';
import { type ChangesLimits, ensureChangesStream, ensureWorkStream, type WorkLimits } from './streams.ts';
import { type TlsFiles, tlsOptions } from './tls.ts';

export interface BusOptions extends CredentialOptions, TlsFiles {
  /** `nats://host:port` or `tls://host:port`, with a user and password or a token, or several separated by commas. */
  url: string;
  /** Shown in NATS's connection list. */
  name: string;
  /** In front of every subject and stream name. */
  prefix?: string;
  /** In front of the subjects that replies come on; default `_INBOX`. A user that may subscribe no other's sees no other's replies. */
  inboxPrefix?: string;
  /** Copies of the streams in a cluster; absent or 0: one, or as many as they have. */
  streamReplicas?: number;
  /** Most time to wait for the first connection, ms. Afterwards it reconnects for ever. */
  connectTimeoutMs?: number;
  observe?: (event: BusEvent) => void;
}

export interface Subscription {
  unsubscribe(): void;
}

export interface SubscribeOptions {
  /** Messages that do not fit are reported and dropped. */
  schema?: TSchema;
  /** Returns what is wrong with a message that fits its schema. Such a message is reported and dropped. */
  check?: (payload: never, subject: string) => string | undefined;
  /** Larger messages are reported and dropped unread. Absent: what NATS takes, 1 MiB by default. */
  maxBytes?: number;
  queue?: string;
}

export interface Bus {
  readonly subjects: Subjects;
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly observe: (event: BusEvent) => void;
  /** Core NATS, JSON, at most once. Dropped while disconnected: for telemetry and alerts, never for what must arrive. */
  publish(subject: string, payload: unknown): void;
  /** JetStream: resolves once the message is stored in the stream of its subject. */
  store(subject: string, payload: string | Uint8Array, headers?: Readonly<Record<string, string>>): Promise<void>;
  subscribe<T>(
    subject: string,
    handler: (payload: T, subject: string) => void,
    options?: SubscribeOptions,
  ): Subscription;
  /** Core NATS request and reply. @throws BUS_DISCONNECTED, BUS_NOBODY, BUS_NO_ANSWER, and what `answer`'s handler threw there */
  ask<A>(subject: string, question: unknown, options: AskOptions): Promise<A>;
  /** Answers what is asked on a subject; a TidemarkError that the handler throws is thrown where it was asked. */
  answer<Q, A>(subject: string, handler: (question: Q) => Promise<A> | A, options: AnswerOptions): Subscription;
  /** A subject for replies that nobody else uses. */
  inbox(): string;
  /** Creates the stream, or brings its limits up to date. @throws BUS_STREAM_REFUSED */
  ensureChangesStream(limits?: ChangesLimits): Promise<void>;
  ensureWorkStream(limits?: WorkLimits): Promise<void>;
  /** Resolves once the server has taken in what was sent before. */
  flush(): Promise<void>;
  /** Bytes of the largest message that the server takes. */
  maxPayload(): number;
  connected(): boolean;
  /** Undefined while connected, else what is wrong. */
  problem(): string | undefined;
  /** Drains for at most two seconds, then closes. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 15_000;
/** NATS's default, for the time in which the server has not told its own. */
const MAX_PAYLOAD = 1024 ** 2;
const DRAIN_TIMEOUT_MS = 2_000;
/** ms between attempts to reconnect, with as much again at random, so that not all services come at the same moment. */
const RECONNECT_MS = 250;
/** The same while the server refuses the credentials: somebody has to mend them first. */
const REFUSED_RECONNECT_MS = 2_000;

/** @throws BUS_INVALID_OPTIONS, BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS_FAILED, BUS_NO_JETSTREAM */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const observe = options.observe ?? (() => {});
  const subjects = subjectsFor(options.prefix);
  const servers = parseServers(options.url);
  let problems: ConnectionProblems | undefined;
  const nc = await firstConnection({
    addresses: servers.addresses,
    name: options.name,
    authenticator: authenticator(options, servers),
    tls: tlsOptions(options, servers),
    inboxPrefix: options.inboxPrefix,
    timeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    reconnectDelayMs: () => (problems?.refused ? REFUSED_RECONNECT_MS : RECONNECT_MS) * (1 + Math.random()),
  });
  let jsm: JetStreamManager;
  try {
    jsm = await jetstreamManager(nc);
  } catch (cause) {
    await nc.close();
    const violation = violationIn(cause);
    if (violation) throw permissionError(violation);
    throw errors.NO_JETSTREAM({ url: servers.addresses.join(',') }, { cause });
  }

  const state = new ConnectionProblems(nc.getServer(), observe);
  problems = state;
  observe({ type: 'bus.connected', server: nc.getServer() });
  const watching = (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') state.disconnected();
      else if (status.type === 'reconnect') state.reconnected(status.server);
      else if (status.type === 'error') state.failed(status.error);
      else if (status.type === 'slowConsumer') {
        observe({ type: 'bus.slow_consumer', subject: status.sub.getSubject(), pending: status.pending });
      }
    }
  })();
  const replicas = options.streamReplicas ?? 0;
  const connected = () => state.connected && !nc.isClosed();

  const js = jetstream(nc);
  return {
    subjects,
    nc,
    js,
    jsm,
    observe,
    publish(subject, payload) {
      if (connected()) nc.publish(subject, JSON.stringify(payload));
    },
    async store(subject, payload, about = {}) {
      const fields = headers();
      for (const [name, value] of Object.entries(about)) fields.set(name, value);
      await js.publish(subject, payload, { headers: fields });
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
          // A denied subscription is reported with the connection's other problems.
          if (error) {
            if (!violationIn(error)) observe({ type: 'bus.error', error });
            return;
          }
          const { maxBytes = Number.POSITIVE_INFINITY } = subscribeOptions;
          if (message.data.length > maxBytes) {
            const problem = `${message.data.length} bytes; ${maxBytes} are the most`;
            observe({ type: 'bus.invalid_payload', subject: message.subject, problem });
            return;
          }
          let payload: unknown;
          try {
            payload = message.json();
          } catch {
            observe({ type: 'bus.invalid_payload', subject: message.subject, problem: 'not JSON' });
            return;
          }
          const problem = misfit?.(payload) ?? subscribeOptions.check?.(payload as never, message.subject);
          if (problem !== undefined) {
            observe({ type: 'bus.invalid_payload', subject: message.subject, problem });
            return;
          }
          handler(payload as T, message.subject);
        },
      });
    },
    async ask<A>(subject: string, question: unknown, askOptions: AskOptions) {
      if (!connected()) throw state.lost();
      return ask<A>(nc, subject, question, askOptions);
    },
    answer: (subject, handler, answerOptions) => answer(nc, subject, handler, { ...answerOptions, observe }),
    inbox: () => createInbox(options.inboxPrefix),
    ensureChangesStream: (limits = {}) => ensureChangesStream(jsm, subjects, { replicas, ...limits }),
    ensureWorkStream: (limits = {}) => ensureWorkStream(jsm, subjects, { replicas, ...limits }),
    flush: () => nc.flush(),
    maxPayload: () => nc.info?.max_payload ?? MAX_PAYLOAD,
    connected,
    problem: () => (nc.isClosed() ? state.lost().message : state.describe()),
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
