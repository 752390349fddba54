/**
 * One process of followers: each follows one key with as little work as can be, and, when it is cut off, comes back as the SDK
 * does and resumes behind the last change that it had. Ends with its parent.
 */
import type { Socket } from 'node:net';
import { openRawSocket } from './raw-socket.ts';
import type {
  ResumingClient,
  ResumingCounts,
  ResumingOrder,
  ResumingReply,
  ResumingSamples,
} from './resuming-messages.ts';

/** As the SDK's (packages/client, backoff.ts). */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
const MAX_SAMPLES = 50_000;
const MAX_TEXT = 300;
const TICK_MS = 5;
/** Without changes between reports, an answer is looked for so often. */
const LOOK_MS = 20;
const AT = /"at":\s?(\d+(?:\.\d+)?)/;
const N = /"n":\s?(\d+)/;
/** In the first bytes of a frame. */
const POSITION = /"position":"([^"]+)"/;
const HEAD_BYTES = 120;

interface Follower {
  readonly order: ResumingClient;
  readonly index: number;
  socket: Socket | undefined;
  isFollowing: boolean;
  attempt: number;
  position: string | undefined;
  n: number | undefined;
  stalled: boolean;
  /** When it began to connect, or was cut off. */
  since: number;
  wasCut: boolean;
}

const followers: Follower[] = [];
let ports: readonly number[] = [];
let turn = 0;
let besides = 0;
const connectedMs: number[] = [];
const resumedMs: number[] = [];
let latenciesMs: number[] = [];
const counts = { cut: 0, resumed: 0, afresh: 0, gaps: 0, repeats: 0, others: 0 };
let firstOther: string | null = null;
let afreshFor: string | null = null;

const now = () => performance.timeOrigin + performance.now();

function other(text: string): void {
  counts.others += 1;
  firstOther ??= text.slice(0, MAX_TEXT);
}

function hello({ order: { key }, position }: Follower): string {
  const from = position === undefined ? { snapshot: false } : { after: position };
  return JSON.stringify({ op: 'subscribe', id: 's', query: `ticks?k=eq.${key}`, ...from });
}

function connect(follower: Follower): void {
  follower.attempt += 1;
  const port = ports[turn++ % ports.length] as number;
  // Its own words about its end are what close tells.
  const isEnd = (text: string) => text === 'the connection has ended' || /ECONN|EPIPE/.test(text);
  const socket = openRawSocket({
    ...{ dialect: 'tidemark', port, path: '/live', token: undefined, hello: hello(follower) },
    onReady: () => ready(follower),
    onChange: (payload) => change(follower, payload),
    onOther(text) {
      if (text.startsWith('{"op":"resync"')) afresh(follower, text);
      else if (!isEnd(text)) other(text);
    },
  });
  follower.socket = socket;
  socket.on('close', () => lost(follower));
}

function ready(follower: Follower): void {
  follower.isFollowing = true;
  follower.attempt = 0;
  if (follower.wasCut) counts.resumed += 1;
  (follower.wasCut ? resumedMs : connectedMs).push(now() - follower.since);
  follower.wasCut = false;
}

function lost(follower: Follower): void {
  if (follower.isFollowing) {
    counts.cut += 1;
    follower.isFollowing = false;
    follower.wasCut = true;
    follower.stalled = false;
    follower.since = now();
  }
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(follower.attempt, 10));
  setTimeout(() => connect(follower), wait * (1 - Math.random() / 2));
}

/** On another connection, so that nothing of the old subscription is taken for the new one's. */
function afresh(follower: Follower, text: string): void {
  counts.afresh += 1;
  afreshFor = text.slice(0, MAX_TEXT);
  follower.isFollowing = false;
  follower.position = undefined;
  follower.n = undefined;
  follower.since = now();
  follower.wasCut = true;
  follower.socket?.destroy();
}

function change(follower: Follower, payload: Buffer): void {
  follower.position = POSITION.exec(payload.toString('latin1', 0, HEAD_BYTES))?.[1];
  // What matters of a long row is at its beginning.
  const text = payload.toString('latin1', 0, HEAD_BYTES + 300);
  const n = Number(N.exec(text)?.[1]);
  if (follower.n !== undefined && n !== follower.n + follower.order.step) {
    if (n > follower.n) counts.gaps += 1;
    else counts.repeats += 1;
  }
  follower.n = n;
  if (follower.index >= besides && latenciesMs.length < MAX_SAMPLES) {
    latenciesMs.push(now() - Number(AT.exec(text)?.[1]));
  }
}

async function open(order: ResumingOrder & { op: 'connect' }): Promise<void> {
  ports = order.ports;
  const startedAt = now();
  for (let sent = 0; sent < order.followers.length; ) {
    const due = Math.min(1, (now() - startedAt) / Math.max(order.withinMs, 1)) * order.followers.length;
    for (; sent < due; sent += 1) {
      const follower: Follower = {
        ...{ order: order.followers[sent] as ResumingClient, index: followers.length, socket: undefined },
        ...{ isFollowing: false, attempt: 0, position: undefined, n: undefined, stalled: false },
        ...{ since: now(), wasCut: false },
      };
      followers.push(follower);
      connect(follower);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const deadline = startedAt + order.ms;
  while (now() < deadline && !followers.every((one) => one.isFollowing)) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function counted(): ResumingCounts {
  return {
    ...counts,
    followers: followers.length,
    following: followers.filter((one) => one.isFollowing).length,
    placed: followers.filter((one) => one.position !== undefined).length,
    ...{ firstOther, afreshFor },
  };
}

function samples(): ResumingSamples {
  return {
    ...{ connectedMs, resumedMs, latenciesMs },
    newest: followers.flatMap(({ order: { key }, n }) => (n === undefined ? [] : [[key, n] as const])),
  };
}

function stall({ count, stalled }: ResumingOrder & { op: 'stall' }): void {
  for (const follower of followers.slice(0, count)) {
    if (follower.stalled === stalled) continue;
    follower.stalled = stalled;
    if (stalled) follower.socket?.pause();
    else follower.socket?.resume();
  }
}

process.on('message', async (order: ResumingOrder) => {
  if (order.op === 'connect') await open(order);
  else if (order.op === 'move') ports = order.ports;
  else if (order.op === 'stall') stall(order);
  else if (order.op === 'measure') {
    besides = order.besides;
    latenciesMs = [];
  }
  const answer: ResumingReply =
    order.op === 'samples' ? { type: 'samples', samples: samples() } : { type: 'counts', counts: counted() };
  process.send?.(answer);
});
process.on('disconnect', () => process.exit(0));
