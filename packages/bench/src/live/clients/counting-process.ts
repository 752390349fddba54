import type { Counted, CountingOrder, CountingReply } from './counting-messages.ts';
import { openRawSocket } from './raw-socket.ts';

const SAMPLE_EVERY = 13;
const MAX_SAMPLES = 20_000;
const MAX_TEXT = 300;
/** Concurrent handshakes: a listen queue refuses more. */
const OPENING = 100;
const OPEN_MS = 20_000;
/** Duplicate changes, if any, arrive within this time after the expected ones. */
const DUPLICATES_MS = 50;
const AT = /"at":\s?(\d+(?:\.\d+)?)/;
const N = /"n":\s?(\d+)/;

let counts = new Uint32Array(0);
let running = fresh();
let lastN = -1;
let others = 0;
let firstOther: string | null = null;
let expected = Number.POSITIVE_INFINITY;
let finish: (() => void) | undefined;

function fresh() {
  const latenciesMs: number[] = [];
  return { changes: 0, lastAt: 0, disorder: 0, latenciesMs, payload: '' };
}

const now = () => performance.timeOrigin + performance.now();

function change(index: number, payload: Buffer): void {
  counts[index] = (counts[index] as number) + 1;
  running.changes += 1;
  if (index === 0) {
    running.payload = payload.toString();
    const n = Number(N.exec(running.payload)?.[1] ?? -1);
    if (n <= lastN) running.disorder += 1;
    lastN = n;
  }
  if (running.changes % SAMPLE_EVERY === 0 && running.latenciesMs.length < MAX_SAMPLES) {
    const at = AT.exec(payload.toString('latin1'))?.[1];
    if (at !== undefined) running.latenciesMs.push(now() - Number(at));
  }
  if (running.changes === expected) {
    running.lastAt = now();
    setTimeout(() => finish?.(), DUPLICATES_MS);
  }
}

function other(text: string): void {
  others += 1;
  firstOther ??= text.slice(0, MAX_TEXT);
}

async function open({ dialect, url, sockets }: CountingOrder & { op: 'open' }): Promise<void> {
  counts = new Uint32Array(sockets.length);
  let ready = 0;
  const waiting: (() => void)[] = [];
  let opened = () => {};
  const allOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  for (const [index, order] of sockets.entries()) {
    if (index - ready >= OPENING) await new Promise<void>((go) => waiting.push(go));
    openRawSocket({
      ...order,
      dialect,
      url,
      onOther: other,
      onReady() {
        ready += 1;
        waiting.shift()?.();
        if (ready === sockets.length) opened();
      },
      onChange: (payload) => change(index, payload),
    });
  }
  await allOpen;
}

function count({ each, ms }: CountingOrder & { op: 'count' }): Promise<Counted> {
  running = fresh();
  lastN = -1;
  counts.fill(0);
  expected = each * counts.length;
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish?.(), ms);
    finish = () => {
      clearTimeout(timer);
      finish = undefined;
      const fewest = counts.reduce((a, b) => Math.min(a, b), 2 ** 32);
      const most = counts.reduce((a, b) => Math.max(a, b), 0);
      const lastAt = running.lastAt || now();
      resolve({ ...running, sockets: counts.length, fewest, most, lastAt, others, firstOther });
    };
  });
}

const reply = (message: CountingReply) => process.send?.(message);

process.on('message', (order: CountingOrder) => {
  if (order.op === 'count') void count(order).then((counted) => reply({ type: 'counted', counted }));
  else {
    const late = setTimeout(() => reply({ type: 'failed', message: `not all are open: ${firstOther}` }), OPEN_MS);
    void open(order).then(() => {
      clearTimeout(late);
      reply({ type: 'open' });
    });
  }
});
process.on('disconnect', () => process.exit(0));
