/** Reconnects as the SDK does, with minimal work, and resumes after the last change. */
import type { Socket } from 'node:net';
import { pause } from '../../measuring/waiting.ts';
import { CONNECTION_ENDED, openRawSocket } from './raw-socket.ts';
import type {
  ResumingClient,
  ResumingCounts,
  ResumingOrder,
  ResumingReply,
  ResumingSamples,
} from './resuming-messages.ts';

/** The waits of packages/client (backoff.ts). */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
const MAX_SAMPLES = 50_000;
const MAX_TEXT = 300;
const TICK_MS = 5;
const POLL_MS = 20;
const AT = /"at":\s?(\d+(?:\.\d+)?)/;
const N = /"n":\s?(\d+)/;
const POSITION = /"position":"([^"]+)"/;
const POSITION_BYTES = 120;
const ROW_BYTES = 420;

interface Client {
  readonly order: ResumingClient;
  readonly index: number;
  socket: Socket | undefined;
  isFollowing: boolean;
  attempt: number;
  position: string | undefined;
  n: number | undefined;
  stalled: boolean;
  since: number;
  wasCut: boolean;
}

const clients: Client[] = [];
let urls: readonly string[] = [];
let turn = 0;
let besides = 0;
const connectedMs: number[] = [];
const resumedMs: number[] = [];
let latenciesMs: number[] = [];
const counts = { cut: 0, resumed: 0, resynced: 0, gaps: 0, repeats: 0, others: 0 };
let firstOther: string | null = null;
let lastResync: string | null = null;

const now = () => performance.timeOrigin + performance.now();

function connect(client: Client): void {
  client.attempt += 1;
  const { key } = client.order;
  const from = client.position === undefined ? { snapshot: false } : { after: client.position };
  const socket = openRawSocket({
    url: urls[turn++ % urls.length] as string,
    hello: JSON.stringify({ op: 'subscribe', id: 's', query: `ticks?k=eq.${key}`, ...from }),
    onReady: () => ready(client),
    onChange: (payload) => change(client, payload),
    onOther(text) {
      if (text.startsWith('{"op":"resync"')) resync(client, text);
      else if (text !== CONNECTION_ENDED && !/ECONN|EPIPE/.test(text)) {
        counts.others += 1;
        firstOther ??= text.slice(0, MAX_TEXT);
      }
    },
  });
  client.socket = socket;
  socket.on('close', () => lost(client));
}

function ready(client: Client): void {
  client.isFollowing = true;
  client.attempt = 0;
  if (client.wasCut) counts.resumed += 1;
  (client.wasCut ? resumedMs : connectedMs).push(now() - client.since);
  client.wasCut = false;
}

function lost(client: Client): void {
  if (client.isFollowing) {
    counts.cut += 1;
    client.isFollowing = false;
    client.wasCut = true;
    client.stalled = false;
    client.since = now();
  }
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(client.attempt, 10));
  setTimeout(() => connect(client), wait * (1 - Math.random() / 2));
}

/** Another connection keeps frames of the old subscription out of the new one. */
function resync(client: Client, text: string): void {
  counts.resynced += 1;
  lastResync = text.slice(0, MAX_TEXT);
  client.isFollowing = false;
  client.position = undefined;
  client.n = undefined;
  client.since = now();
  client.wasCut = true;
  client.socket?.destroy();
}

function change(client: Client, payload: Buffer): void {
  client.position = POSITION.exec(payload.toString('latin1', 0, POSITION_BYTES))?.[1];
  const text = payload.toString('latin1', 0, ROW_BYTES);
  const n = Number(N.exec(text)?.[1]);
  if (client.n !== undefined && n !== client.n + client.order.step) {
    if (n > client.n) counts.gaps += 1;
    else counts.repeats += 1;
  }
  client.n = n;
  if (client.index >= besides && latenciesMs.length < MAX_SAMPLES) {
    latenciesMs.push(now() - Number(AT.exec(text)?.[1]));
  }
}

async function open(order: ResumingOrder & { op: 'connect' }): Promise<void> {
  urls = [order.url];
  const startedAt = now();
  for (let sent = 0; sent < order.clients.length; await pause(TICK_MS)) {
    const due = Math.min(1, (now() - startedAt) / Math.max(order.withinMs, 1)) * order.clients.length;
    for (; sent < due; sent += 1) {
      const client: Client = {
        order: order.clients[sent] as ResumingClient,
        index: clients.length,
        socket: undefined,
        isFollowing: false,
        attempt: 0,
        position: undefined,
        n: undefined,
        stalled: false,
        since: now(),
        wasCut: false,
      };
      clients.push(client);
      connect(client);
    }
  }
  const deadline = startedAt + order.ms;
  while (now() < deadline && !clients.every((client) => client.isFollowing)) await pause(POLL_MS);
}

const count = (): ResumingCounts => ({
  ...counts,
  following: clients.filter((client) => client.isFollowing).length,
  placed: clients.filter((client) => client.position !== undefined).length,
  firstOther,
  lastResync,
});

const samples = (): ResumingSamples => ({
  connectedMs,
  resumedMs,
  latenciesMs,
  newest: clients.flatMap(({ order: { key }, n }) => (n === undefined ? [] : [[key, n] as const])),
});

function stall({ count, stalled }: ResumingOrder & { op: 'stall' }): void {
  for (const client of clients.slice(0, count)) {
    if (client.stalled === stalled) continue;
    client.stalled = stalled;
    if (stalled) client.socket?.pause();
    else client.socket?.resume();
  }
}

process.on('message', async (order: ResumingOrder) => {
  if (order.op === 'connect') await open(order);
  else if (order.op === 'move') urls = order.urls;
  else if (order.op === 'stall') stall(order);
  else if (order.op === 'measure') {
    besides = order.besides;
    latenciesMs = [];
  }
  const reply: ResumingReply =
    order.op === 'samples' ? { type: 'samples', samples: samples() } : { type: 'counts', counts: count() };
  process.send?.(reply);
});
process.on('disconnect', () => process.exit(0));
