/**
 * A clock that tests advance, and a client of a server within the process. Node 20's own fake timers print a warning. The
 * client uses setTimeout, clearTimeout and Date.now alone.
 */
import t from 'tap';
import { createClient, type TidemarkClient } from '../src/index.ts';
import { FakeLiveServer } from './fake-live-server.ts';

interface Timer {
  readonly at: number;
  run(): void;
}

const timers = new Set<Timer>();
let now = 1_000_000;

const { setTimeout, clearTimeout } = globalThis;
const realNow = Date.now;
const fake = {
  setTimeout(run: () => void, ms = 0): Timer {
    const timer = { at: now + ms, run };
    timers.add(timer);
    return timer;
  },
  clearTimeout: (timer: Timer) => timers.delete(timer),
};
Object.assign(globalThis, fake);
Date.now = () => now;
t.teardown(() => {
  Object.assign(globalThis, { setTimeout, clearTimeout });
  Date.now = realNow;
});

/** Runs the timers of the next `ms`, the earliest first. */
function tick(ms: number): void {
  const end = now + ms;
  for (;;) {
    let next: Timer | undefined;
    for (const timer of timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    if (next === undefined) break;
    timers.delete(next);
    now = Math.max(now, next.at);
    next.run();
  }
  now = end;
}

/** Advances the clock in steps of 1 ms and runs the pending microtasks. */
export async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    tick(1);
    for (let n = 0; n < 4; n += 1) await Promise.resolve();
  }
}
/** Advances the clock in steps of `step` ms. */
export async function passLong(ms: number, step = 50): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    tick(step);
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  }
}

export const start = () => {
  const server = new FakeLiveServer();
  const client = createClient('http://127.0.0.1:1', { WebSocket: server.WebSocket });
  return { server, client };
};
export const follow = (client: TidemarkClient, n: number) => client.from('t').select().eq('id', n).live();
/** Records how a promise settles: `pending`, `done` or the error's code. */
export const outcome = (promise: Promise<unknown>) => {
  const seen: { is: string } = { is: 'pending' };
  promise.then(
    () => {
      seen.is = 'done';
    },
    (error: { code?: string }) => {
      seen.is = error.code ?? String(error);
    },
  );
  return seen;
};
