/** Clients of a live contender, spread over processes: one alone would be the bottleneck. */
import { join } from 'node:path';
import { ask } from '../../processes/request-reply.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type { Counted, CountingOrder, CountingReply, SocketOrder } from './counting-messages.ts';
import type { Dialect } from './raw-socket.ts';

const PROCESSES = 2;

export interface CountingClients {
  /** Counts while `work` runs and until each socket has had `each` changes, or `ms` are over. */
  count(each: number, ms: number, work: () => Promise<unknown>): Promise<Counted>;
  stop(): Promise<void>;
}

/** Resolves when every socket is open and subscribed. @throws BENCH_LOAD_ENDED, with the processes ended */
export async function openClients(
  url: string,
  dialect: Dialect,
  sockets: readonly SocketOrder[],
): Promise<CountingClients> {
  const children = Array.from({ length: PROCESSES }, () =>
    forkModule(join(import.meta.dirname, 'counting-process.js'), {}),
  );
  const stop = async () => void (await Promise.all(children.map(stopChild)));
  const port = Number(new URL(url).port);
  const part = (index: number) => sockets.filter((_, n) => n % PROCESSES === index);
  try {
    await Promise.all(
      children.map((child, index) =>
        ask(child, { op: 'open', dialect, port, sockets: part(index) } satisfies CountingOrder),
      ),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async count(each, ms, work) {
      const answers = children.map((child) =>
        ask<CountingReply>(child, { op: 'count', each, ms } satisfies CountingOrder),
      );
      const [counted] = await Promise.all([Promise.all(answers), work()]);
      return counted.map((one) => (one as CountingReply & { type: 'counted' }).counted).reduce(joined);
    },
  };
}

function joined(a: Counted, b: Counted): Counted {
  return {
    ...a,
    sockets: a.sockets + b.sockets,
    changes: a.changes + b.changes,
    least: Math.min(a.least, b.least),
    most: Math.max(a.most, b.most),
    firstAt: Math.min(a.firstAt, b.firstAt),
    lastAt: Math.max(a.lastAt, b.lastAt),
    latenciesMs: [...a.latenciesMs, ...b.latenciesMs],
    disorder: a.disorder + b.disorder,
    others: a.others + b.others,
    firstOther: a.firstOther ?? b.firstOther,
  };
}
