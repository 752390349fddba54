import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { subjects as subjectsFor } from '@tidemark/contracts';
import { createInbox, headers, type NatsConnection } from 'nats';
import pTimeout from 'p-timeout';
import { answer, ask } from './ask.ts';
import type { Bus } from './bus.ts';
import { registerClient } from './client.ts';
import { ConnectionProblems, permissionError, violationIn } from './connection-problems.ts';
import { authenticator, type CredentialOptions } from './credentials.ts';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';
import { firstConnection } from './first-connection.ts';
import { parseServers } from './servers.ts';
import { ensureChangesStream, ensureWorkStream } from './streams.ts';
import { subscribe } from './subscribe.ts';
import { type TlsFiles, tlsOptions } from './tls.ts';

export interface BusOptions extends CredentialOptions, TlsFiles {
  /** `nats://host:port` or `tls://host:port`, with a user and password or a token; several are separated by commas. */
  url: string;
  name: string;
  prefix?: string;
  /** Prefix of the subjects for replies; default `_INBOX`. A user with permission for its own prefix alone sees no other user's replies. */
  inboxPrefix?: string;
  /** Copies of the streams in a cluster. Absent or 0: one copy for a new stream, no change for an existing one. */
  streamReplicas?: number;
  /** Time limit of the first connection, ms. A lost connection is retried without end. */
  connectTimeoutMs?: number;
  observe?: (event: BusEvent) => void;
}

const CONNECT_TIMEOUT_MS = 15_000;
/** NATS's default, until the server has announced its own. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1024 ** 2;
const DRAIN_TIMEOUT_MS = 2_000;
/** ms between attempts to reconnect, plus a random time up to as long, so that services do not reconnect in step. */
const RECONNECT_MS = 250;
/** The same while the server refuses the credentials: an operator has to correct them first. */
const REFUSED_RECONNECT_MS = 2_000;

export async function connectBus(options: BusOptions): Promise<Bus> {
  const { observe = () => undefined, streamReplicas: replicas = 0 } = options;
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
  const jsm = await openJetStream(nc, servers.addresses.join(','));
  const state = new ConnectionProblems(nc.getServer(), observe);
  problems = state;
  observe({ type: 'bus.connected', server: nc.getServer() });
  const watching = watch(nc, state, observe);
  const connected = () => state.connected && !nc.isClosed();
  const js = jetstream(nc);

  const bus: Bus = {
    subjects,
    publish(subject, payload) {
      if (connected()) nc.publish(subject, JSON.stringify(payload));
    },
    async store(subject, payload, fields = {}) {
      const block = headers();
      for (const [name, value] of Object.entries(fields)) block.set(name, value);
      await js.publish(subject, payload, { headers: block });
    },
    subscribe: (subject, handler, subscribeOptions = {}) => subscribe(nc, subject, handler, subscribeOptions, observe),
    async ask(subject, question, askOptions) {
      if (!connected()) throw state.lost();
      return ask(nc, subject, question, askOptions);
    },
    answer: (subject, handler, answerOptions) => answer(nc, subject, handler, { ...answerOptions, observe }),
    ensureChangesStream: (limits = {}) => ensureChangesStream(jsm, subjects, { replicas, ...limits }),
    ensureWorkStream: (limits = {}) => ensureWorkStream(jsm, subjects, { replicas, ...limits }),
    flush: () => nc.flush(),
    maxPayload: () => nc.info?.max_payload ?? DEFAULT_MAX_PAYLOAD_BYTES,
    connected,
    problem: () => (nc.isClosed() ? state.lost().message : state.describe()),
    async close() {
      if (!nc.isClosed()) {
        const drained = nc.drain().catch((error: Error) => observe({ type: 'bus.error', error }));
        // Without a server a drain never finishes: the time limit ends the wait.
        await pTimeout(drained, { milliseconds: DRAIN_TIMEOUT_MS, message: false });
        await nc.close();
      }
      await watching;
    },
  };
  return registerClient(bus, { nc, js, jsm, inbox: () => createInbox(options.inboxPrefix), observe });
}

async function openJetStream(nc: NatsConnection, url: string): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(nc);
  } catch (cause) {
    await nc.close();
    const violation = violationIn(cause);
    if (violation) throw permissionError(violation);
    throw errors.NO_JETSTREAM({ url }, { cause });
  }
}

async function watch(nc: NatsConnection, state: ConnectionProblems, observe: (event: BusEvent) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect') state.disconnected();
    else if (status.type === 'reconnect') state.reconnected(status.server);
    else if (status.type === 'error') state.failed(status.error);
    else if (status.type === 'slowConsumer') {
      observe({ type: 'bus.slow_consumer', subject: status.sub.getSubject(), pending: status.pending });
    }
  }
}
