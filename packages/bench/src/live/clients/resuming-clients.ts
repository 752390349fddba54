import { join } from 'node:path';
import { equal, type Finding, none } from '../../lab/trial.ts';
import { until } from '../../measuring/waiting.ts';
import { request } from '../../processes/request-reply.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type {
  ResumingClient,
  ResumingCounts,
  ResumingOrder,
  ResumingReply,
  ResumingSamples,
} from './resuming-messages.ts';

const PROCESSES = 2;
const WAIT_MS = 60_000;

export interface ResumingClients {
  /** Resolves after `ms` at the latest: the counts say how many clients follow. */
  connect(url: string, clients: readonly ResumingClient[], withinMs: number, ms: number): Promise<ResumingCounts>;
  move(urls: readonly string[]): Promise<ResumingCounts>;
  /** Makes the first `count` clients stop reading, or read again. */
  stall(count: number, stalled: boolean): Promise<ResumingCounts>;
  measure(besides: number): Promise<ResumingCounts>;
  count(): Promise<ResumingCounts>;
  samples(): Promise<ResumingSamples>;
  until(what: string, isMet: (counts: ResumingCounts) => boolean): Promise<ResumingCounts>;
  untilNewest(newest: ReadonlyMap<number, number>): Promise<void>;
  /** No client has missed a change, received one twice, or received anything else. */
  unbroken(counts: ResumingCounts): Finding[];
  stop(): Promise<void>;
}

const share = (count: number, part: number) => Math.ceil((count - part) / PROCESSES);

export function startResumingClients(): ResumingClients {
  const children = Array.from({ length: PROCESSES }, () =>
    forkModule(join(import.meta.dirname, 'resuming-process.js')),
  );
  const ask = (order: (part: number) => ResumingOrder) =>
    Promise.all(children.map((child, part) => request<ResumingReply>(child, order(part))));
  const counts = async (order: (part: number) => ResumingOrder) =>
    (await ask(order)).map((reply) => (reply as ResumingReply & { type: 'counts' }).counts).reduce(add);
  const count = () => counts(() => ({ op: 'count' }));
  const samples = async () => {
    const replies = await ask(() => ({ op: 'samples' }));
    return replies.map((reply) => (reply as ResumingReply & { type: 'samples' }).samples).reduce(concat);
  };
  return {
    connect: (url, clients, withinMs, ms) =>
      counts((part) => ({
        op: 'connect',
        url,
        withinMs,
        ms,
        clients: clients.filter((_, index) => index % PROCESSES === part),
      })),
    move: (urls) => counts(() => ({ op: 'move', urls })),
    stall: (count, stalled) => counts((part) => ({ op: 'stall', count: share(count, part), stalled })),
    measure: (besides) => counts((part) => ({ op: 'measure', besides: share(besides, part) })),
    count,
    samples,
    async until(what, isMet) {
      let last = await count();
      const isReached = async () => {
        last = await count();
        return isMet(last);
      };
      await until(() => `${what} (${JSON.stringify(last)})`, isReached, WAIT_MS);
      return last;
    },
    async untilNewest(newest) {
      let behind: ResumingSamples['newest'] = [];
      const isReached = async () => {
        behind = (await samples()).newest.filter(([key, n]) => n !== newest.get(key));
        return behind.length === 0;
      };
      await until(() => `the last changes (not ${JSON.stringify(behind.slice(0, 5))})`, isReached, WAIT_MS);
    },
    unbroken: ({ gaps, repeats, others, firstOther }) => [
      equal('changes that were missed', 0, gaps),
      equal('changes that came twice', 0, repeats),
      none('other frames', others, firstOther),
    ],
    stop: async () => void (await Promise.all(children.map(stopChild))),
  };
}

const add = (a: ResumingCounts, b: ResumingCounts): ResumingCounts => ({
  following: a.following + b.following,
  placed: a.placed + b.placed,
  cut: a.cut + b.cut,
  resumed: a.resumed + b.resumed,
  resynced: a.resynced + b.resynced,
  lastResync: a.lastResync ?? b.lastResync,
  gaps: a.gaps + b.gaps,
  repeats: a.repeats + b.repeats,
  others: a.others + b.others,
  firstOther: a.firstOther ?? b.firstOther,
});

const concat = (a: ResumingSamples, b: ResumingSamples): ResumingSamples => ({
  connectedMs: [...a.connectedMs, ...b.connectedMs],
  resumedMs: [...a.resumedMs, ...b.resumedMs],
  latenciesMs: [...a.latenciesMs, ...b.latenciesMs],
  newest: [...a.newest, ...b.newest],
});
