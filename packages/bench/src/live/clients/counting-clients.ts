/** Two processes, so that the clients are not the bottleneck. */
import { join } from 'node:path';
import { request } from '../../processes/request-reply.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type { Counted, CountingOrder, CountingReply, SocketOrder } from './counting-messages.ts';
import type { Dialect } from './raw-socket.ts';

const PROCESSES = 2;

export interface CountingClients {
  count(each: number, ms: number, work: () => Promise<unknown>): Promise<Counted>;
  stop(): Promise<void>;
}

export async function openClients(
  url: string,
  dialect: Dialect,
  sockets: readonly SocketOrder[],
): Promise<CountingClients> {
  const children = Array.from({ length: PROCESSES }, () =>
    forkModule(join(import.meta.dirname, 'counting-process.js')),
  );
  const ask = (order: (part: number) => CountingOrder) =>
    Promise.all(children.map((child, part) => request<CountingReply>(child, order(part))));
  const stop = async () => void (await Promise.all(children.map(stopChild)));
  try {
    await ask((part) => ({
      op: 'open',
      dialect,
      url,
      sockets: sockets.filter((_, n) => n % PROCESSES === part),
    }));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async count(each, ms, work) {
      const [replies] = await Promise.all([ask(() => ({ op: 'count', each, ms })), work()]);
      return replies.map((reply) => (reply as CountingReply & { type: 'counted' }).counted).reduce(merge);
    },
  };
}

const merge = (a: Counted, b: Counted): Counted => ({
  sockets: a.sockets + b.sockets,
  changes: a.changes + b.changes,
  fewest: Math.min(a.fewest, b.fewest),
  most: Math.max(a.most, b.most),
  lastAt: Math.max(a.lastAt, b.lastAt),
  latenciesMs: [...a.latenciesMs, ...b.latenciesMs],
  disorder: a.disorder + b.disorder,
  others: a.others + b.others,
  firstOther: a.firstOther ?? b.firstOther,
  payload: a.payload,
});
