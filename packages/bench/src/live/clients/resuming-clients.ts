/** Clients that come back when they are cut off, spread over processes: one alone would be the bottleneck. */
import { join } from 'node:path';
import { ask } from '../../processes/request-reply.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import type {
  ResumingClient,
  ResumingCounts,
  ResumingOrder,
  ResumingReply,
  ResumingSamples,
} from './resuming-messages.ts';

const PROCESSES = 2;

export interface ResumingClients {
  /** Resolves when all follow, or after `ms`: the counts say how many do. */
  connect(url: string, followers: readonly ResumingClient[], withinMs: number, ms: number): Promise<ResumingCounts>;
  /** Who is cut off comes back to these, in turn. */
  move(urls: readonly string[]): Promise<ResumingCounts>;
  /** So many of the first that were connected stop reading, or read on. */
  stall(count: number, stalled: boolean): Promise<ResumingCounts>;
  /** Latencies are those from here on, of all but the first `besides`. */
  measure(besides: number): Promise<ResumingCounts>;
  count(): Promise<ResumingCounts>;
  samples(): Promise<ResumingSamples>;
  stop(): Promise<void>;
}

type CountsAnswer = ResumingReply & { type: 'counts' };
type SamplesAnswer = ResumingReply & { type: 'samples' };

/** Of the first `count` followers, those that a part has. */
const share = (count: number, part: number) => Math.ceil((count - part) / PROCESSES);
const portOf = (url: string) => Number(new URL(url).port);

export function startResumingClients(): ResumingClients {
  const path = join(import.meta.dirname, 'resuming-process.js');
  const children = Array.from({ length: PROCESSES }, () => forkModule(path, {}));
  const each = <A extends ResumingReply>(order: (part: number) => ResumingOrder) =>
    Promise.all(children.map((child, part) => ask<A>(child, order(part))));
  const all = async (order: (part: number) => ResumingOrder) =>
    (await each<CountsAnswer>(order)).map(({ counts }) => counts).reduce(sum);
  return {
    connect: (url, followers, withinMs, ms) =>
      all((part) => ({
        ...{ op: 'connect', ports: [portOf(url)], withinMs, ms },
        followers: followers.filter((_, index) => index % PROCESSES === part),
      })),
    move: (urls) => all(() => ({ op: 'move', ports: urls.map(portOf) })),
    stall: (count, stalled) => all((part) => ({ op: 'stall', count: share(count, part), stalled })),
    measure: (besides) => all((part) => ({ op: 'measure', besides: share(besides, part) })),
    count: () => all(() => ({ op: 'count' })),
    samples: async () =>
      (await each<SamplesAnswer>(() => ({ op: 'samples' }))).map(({ samples }) => samples).reduce(joined),
    stop: async () => void (await Promise.all(children.map(stopChild))),
  };
}

function sum(a: ResumingCounts, b: ResumingCounts): ResumingCounts {
  return {
    followers: a.followers + b.followers,
    following: a.following + b.following,
    placed: a.placed + b.placed,
    cut: a.cut + b.cut,
    resumed: a.resumed + b.resumed,
    afresh: a.afresh + b.afresh,
    afreshFor: a.afreshFor ?? b.afreshFor,
    gaps: a.gaps + b.gaps,
    repeats: a.repeats + b.repeats,
    others: a.others + b.others,
    firstOther: a.firstOther ?? b.firstOther,
  };
}

function joined(a: ResumingSamples, b: ResumingSamples): ResumingSamples {
  return {
    connectedMs: [...a.connectedMs, ...b.connectedMs],
    resumedMs: [...a.resumedMs, ...b.resumedMs],
    latenciesMs: [...a.latenciesMs, ...b.latenciesMs],
    newest: [...a.newest, ...b.newest],
  };
}
