/** A clock that tests advance, and a client of a server within the process. */
import { mock } from 'node:test';
import t from 'tap';
import { createClient, type TidemarkClient } from '../src/index.ts';
import { FakeLiveServer } from './fake-live-server.ts';

mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
t.teardown(() => mock.timers.reset());

/** Advances the clock in steps of 1 ms and runs the pending microtasks. */
export async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    mock.timers.tick(1);
    for (let n = 0; n < 4; n += 1) await Promise.resolve();
  }
}
/** Advances the clock in steps of `step` ms. */
export async function passLong(ms: number, step = 50): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    mock.timers.tick(step);
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
