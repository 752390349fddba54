/** One process of a clients: opens sockets and counts what they are sent. Ends with its parent. */
import type { Socket } from 'node:net';
import type { Counted, CountingOrder, CountingReply } from './counting-messages.ts';
import { openRawSocket } from './raw-socket.ts';

const SAMPLE_EVERY = 13;
const MAX_SAMPLES = 20_000;
const MAX_TEXT = 300;
/** Handshakes at a time: more than a listen queue takes would be refused. */
const OPENING = 100;
const OPEN_MS = 20_000;
const AT = /"at":\s?(\d+(?:\.\d+)?)/;
const N = /"n":\s?(\d+)/;

let sockets: Socket[] = [];
let counts = new Uint32Array(0);
let running = fresh();
let wanted = Number.POSITIVE_INFINITY;
let finish: (() => void) | undefined;

function fresh() {
  const latenciesMs: number[] = [];
  return {
    changes: 0,
    firstAt: 0,
    lastAt: 0,
    disorder: 0,
    others: 0,
    firstOther: null as string | null,
    latenciesMs,
    payload: '',
    n: -1,
  };
}

const now = () => performance.timeOrigin + performance.now();

function change(index: number, payload: Buffer): void {
  counts[index] = (counts[index] as number) + 1;
  running.changes += 1;
  if (running.changes === 1) running.firstAt = now();
  if (index === 0) {
    running.payload = payload.toString();
    const n = Number(N.exec(running.payload)?.[1] ?? -1);
    if (n <= running.n) running.disorder += 1;
    running.n = n;
  }
  if (running.changes % SAMPLE_EVERY === 0 && running.latenciesMs.length < MAX_SAMPLES) {
    const at = AT.exec(payload.toString('latin1'))?.[1];
    if (at !== undefined) running.latenciesMs.push(now() - Number(at));
  }
  if (running.changes === wanted) {
    running.lastAt = now();
    // What is too much comes right behind, if at all.
    setTimeout(() => finish?.(), 50);
  }
}

function other(text: string): void {
  running.others += 1;
  running.firstOther ??= text.slice(0, MAX_TEXT);
}

async function open(order: CountingOrder & { op: 'open' }): Promise<void> {
  counts = new Uint32Array(order.sockets.length);
  let ready = 0;
  let resolve = () => {};
  const all = new Promise<void>((done) => {
    resolve = done;
  });
  const opening: (() => void)[] = [];
  for (const [index, { path, token, hello }] of order.sockets.entries()) {
    if (index - ready >= OPENING) await new Promise<void>((go) => opening.push(go));
    const { dialect, port } = order;
    sockets.push(
      openRawSocket({
        ...{ dialect, port, path, token, hello, onOther: other },
        onReady() {
          ready += 1;
          opening.shift()?.();
          if (ready === order.sockets.length) resolve();
        },
        onChange: (payload) => change(index, payload),
      }),
    );
  }
  await all;
}

function count(order: CountingOrder & { op: 'count' }): Promise<Counted> {
  const others = running.others;
  running = { ...fresh(), others, firstOther: running.firstOther };
  counts.fill(0);
  wanted = order.each * counts.length;
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish?.(), order.ms);
    finish = () => {
      clearTimeout(timer);
      finish = undefined;
      const { n: _, ...rest } = running;
      const [least, most] = [
        counts.reduce((a, b) => Math.min(a, b), 2 ** 32),
        counts.reduce((a, b) => Math.max(a, b), 0),
      ];
      resolve({ ...rest, sockets: counts.length, least, most, lastAt: rest.lastAt || now() });
    };
  });
}

const answer = (message: CountingReply) => process.send?.(message);

process.on('message', (order: CountingOrder) => {
  if (order.op === 'count') void count(order).then((counted) => answer({ type: 'counted', counted }));
  else {
    const late = setTimeout(() => answer({ type: 'failed', message: `not all open: ${running.firstOther}` }), OPEN_MS);
    void open(order).then(() => {
      clearTimeout(late);
      answer({ type: 'open' });
    });
  }
});
process.on('disconnect', () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  process.exit(0);
});
