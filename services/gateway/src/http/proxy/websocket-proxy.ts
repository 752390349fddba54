/**
 * Proxies WebSockets to realtime as bytes: the gateway passes on the handshake with all its headers, then joins the two sockets, and
 * never parses a frame. Frame limits, close codes, subprotocols and tokens belong to realtime, so they cannot differ here.
 *
 *   handshake ──► connecting ──101──► joined ──either side ends──► both ended, what waits is sent first
 *                     │  └──other answer──► passed on, closed
 *                     └──no upstream within CONNECT_TIMEOUT_MS──► 503, closed
 *
 * Memory: a client that sends frames before the upstream has accepted is refused, so none are held. Once joined, a side that does not
 * read stops the reading from the other one, so about 128 KB wait for each. @fastify/http-proxy parses frames of up to 100 MiB on both
 * sides, holds frames that arrive before the upstream is connected without a limit, and passes on neither backpressure nor
 * `Authorization`. A joined WebSocket takes two file descriptors.
 */
import { type IncomingMessage, STATUS_CODES, request as send } from 'node:http';
import { request as sendTls } from 'node:https';
import type { Socket } from 'node:net';
import type { TidemarkError } from '@tidemark/contracts';
import {
  answerOnSocket,
  type BaseApp,
  type Descriptors,
  httpErrors,
  type LimitedRate,
  type Limiter,
  type Metrics,
  takeUpgrades,
} from '@tidemark/service';
import type { SocketWork } from '../limits/work-limit.ts';
import { errors } from './errors.ts';
import { isForwarding } from './forwarded-headers.ts';

export interface WebSocketProxyOptions {
  readonly path: string;
  readonly upstreams: readonly string[];
  readonly rate: LimitedRate;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  readonly descriptors: Descriptors;
  refuses(socket: Socket): TidemarkError | undefined;
  readonly work: SocketWork;
  watch(socket: Socket): void;
}

/** An instance in the same network answers within some ms. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Bytes of a refusal, which is a short problem; a longer one is cut off. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/** Headers of one connection (RFC 9110 §7.6.1), which a proxy does not pass on. */
const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

interface Joined {
  readonly client: Socket;
  readonly upstream: Socket;
}

export function proxyWebSockets(app: BaseApp, options: WebSocketProxyOptions): void {
  const { upstreams, rate, limiter, metrics, descriptors, refuses, watch, work } = options;
  /** As many as CONNECTIONS_MAX allows. */
  const open = new Set<Joined>();
  let connecting = 0;
  let next = 0;
  showFigures(metrics, open, () => connecting);

  takeUpgrades(app, options.path, (request, client, head) => {
    const refused =
      refuses(client) ??
      rate.refuses(limiter.networkOf(request)) ??
      (head.length > 0 ? errors.UPGRADE_EARLY_DATA() : undefined);
    if (refused) return answerOnSocket(client, refused);
    const costly = work.refuses(request);
    if (costly) {
      client.on('error', () => client.destroy());
      return work.delay(() => answerOnSocket(client, costly));
    }
    if (!descriptors.take()) return answerOnSocket(client, httpErrors.OUT_OF_DESCRIPTORS());
    client.once('close', descriptors.release);
    next = (next + 1) % upstreams.length;
    const order = [...upstreams.slice(next), ...upstreams.slice(0, next)];
    client.on('error', () => client.destroy());
    const openedAt = performance.now();
    client.once('close', () => work.closed(request, performance.now() - openedAt, client.bytesRead));
    connecting += 1;
    const settled = watchWhileConnecting(client);
    connect(request, headersFor(request, limiter.addressOf(request)), order, (outcome) => {
      connecting -= 1;
      settled();
      if (client.destroyed || client.writableEnded) return outcome?.socket.destroy();
      if (outcome === undefined) return answerOnSocket(client, errors.UPSTREAM_AWAY({ path: options.path }));
      const { answer, socket: upstream } = outcome;
      if (outcome.kind === 'refused') return passRefusalOn(answer, client);
      client.write(headOf(answer));
      if (outcome.head.length > 0) client.write(outcome.head);
      watch(upstream);
      const joined = { client, upstream };
      open.add(joined);
      join(joined, () => open.delete(joined));
    });
  });
}

function watchWhileConnecting(client: Socket): () => void {
  const onData = () => {
    client.off('data', onData);
    answerOnSocket(client, errors.UPGRADE_EARLY_DATA());
  };
  const onEnd = () => client.destroy();
  client.on('data', onData).on('end', onEnd);
  return () => {
    client.off('data', onData).off('end', onEnd);
    if (!client.writableEnded) client.pause();
  };
}

type Outcome =
  | { readonly kind: 'accepted'; readonly answer: IncomingMessage; readonly socket: Socket; readonly head: Buffer }
  | { readonly kind: 'refused'; readonly answer: IncomingMessage; readonly socket: Socket };

function connect(
  request: IncomingMessage,
  headers: readonly string[],
  [upstream, ...others]: readonly string[],
  done: (outcome: Outcome | undefined) => void,
): void {
  if (upstream === undefined || request.socket.destroyed) {
    done(undefined);
    return;
  }
  const url = new URL(upstream);
  const asked = (url.protocol === 'https:' ? sendTls : send)(url, {
    path: request.url ?? '/',
    headers: [...headers, 'Host', url.host],
    agent: false,
    timeout: CONNECT_TIMEOUT_MS,
  });
  // Ends the request to the upstream where the client leaves before the answer.
  const gone = () => asked.destroy();
  let settled = false;
  const settle = (outcome: Outcome | undefined) => {
    if (settled) return;
    settled = true;
    request.socket.off('close', gone);
    if (outcome) done(outcome);
    else connect(request, headers, others, done);
  };
  request.socket.once('close', gone);
  asked.on('upgrade', (answer, socket, head) => {
    socket.setTimeout(0);
    settle({ kind: 'accepted', answer, socket, head });
  });
  asked.on('response', (answer) => settle({ kind: 'refused', answer, socket: answer.socket }));
  asked.on('timeout', () => asked.destroy());
  asked.on('error', () => settle(undefined));
  asked.on('close', () => settle(undefined));
  asked.end();
}

/** Returns names and values as the client sent them, including `Authorization` and `apikey`. */
function headersFor({ rawHeaders }: IncomingMessage, address: string): string[] {
  const headers = ['Connection', 'Upgrade', 'Upgrade', 'websocket', 'X-Forwarded-For', address];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    if (name === 'host' || HOP_BY_HOP.has(name) || isForwarding(name)) continue;
    headers.push(rawHeaders[at] as string, rawHeaders[at + 1] as string);
  }
  return headers;
}

function headOf({ statusCode = 101, rawHeaders }: IncomingMessage, more = ''): string {
  let text = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    if (statusCode !== 101 && HOP_BY_HOP.has(name)) continue;
    text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return `${text}${more}\r\n`;
}

function passRefusalOn(answer: IncomingMessage, client: Socket): void {
  client.write(headOf(answer, 'connection: close\r\n'));
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_REFUSAL_BYTES) answer.destroy();
    else client.write(chunk);
  });
  // `close` follows every error.
  answer.on('error', () => {});
  answer.on('close', () => {
    client.end();
    client.destroySoon();
  });
}

function join({ client, upstream }: Joined, onEnded: () => void): void {
  client.setNoDelay(true);
  upstream.setNoDelay(true);
  upstream.on('error', () => upstream.destroy());
  // Bytes written before the end are still sent; `watch` cuts off a peer that does not read them.
  upstream.once('close', () => client.destroySoon());
  client.once('close', () => {
    upstream.destroySoon();
    onEnded();
  });
  client.pipe(upstream);
  upstream.pipe(client);
}

function showFigures(metrics: Metrics, open: ReadonlySet<Joined>, connecting: () => number): void {
  metrics.gauge('tidemark_proxied_sockets', 'WebSockets proxied to realtime', ['state'], (gauge) => {
    gauge.set({ state: 'connecting' }, connecting());
    gauge.set({ state: 'open' }, open.size);
  });
  metrics.gauge(
    'tidemark_proxied_waiting_bytes',
    'Bytes of proxied WebSockets that a side has not read yet',
    ['to'],
    (gauge) => {
      let toClients = 0;
      let toUpstreams = 0;
      for (const { client, upstream } of open) {
        toClients += client.writableLength;
        toUpstreams += upstream.writableLength;
      }
      gauge.set({ to: 'client' }, toClients);
      gauge.set({ to: 'upstream' }, toUpstreams);
    },
  );
}
