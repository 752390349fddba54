/** `main.js soak --minutes N`: reads, writes, live queries and jobs for a while; memory and latency must not drift. */
import { createClient, type TidemarkClient } from '@tidemark/client';
import { WebSocket } from 'ws';
import { errors } from '../errors.ts';
import { runLab } from '../lab/run-lab.ts';
import type { TrialResult } from '../lab/run-trial.ts';
import { atLeast, atMost, type Finding, type Trial } from '../lab/trial.ts';
import { median } from '../measuring/statistics.ts';
import { pause } from '../measuring/waiting.ts';
import { type DemoStack, demoStack, performanceOf } from './demo-stack.ts';

/** The share of the time after which caches and pools have their size. */
const WARM_SHARE = 0.3;
const CLIENTS = 8;
const SAMPLE_MS = 5_000;
const JOB_EACH_MS = 10_000;
const MAX_GROWTH = 2;
const MAX_DRIFT = 25;
/** Half an hour shows a growth of 2 %; a minute shows only that the soak works. */
const MEANINGFUL_MINUTES = 30;

interface Sample {
  readonly at: number;
  readonly value: number;
}

export async function runSoak(minutes: number, quick: boolean): Promise<TrialResult[]> {
  return runLab([], { quick }, [soak(minutes)]);
}

function soak(minutes: number): Trial {
  return {
    name: 'soak',
    claim: `after warm-up, memory grows by less than ${MAX_GROWTH} % and latency does not drift in ${minutes} minutes`,
    limitMs: (minutes + 10) * 60_000,
    async run(context): Promise<Finding[]> {
      const stack = await demoStack(context);
      const forMs = minutes * 60_000;
      const began = performance.now();
      const since = () => performance.now() - began;
      const isOver = () => since() >= forMs;
      const times: Sample[] = [];
      const memory: Sample[] = [];
      const client = createClient(stack.url, { token: stack.tokens.user as string, WebSocket });
      context.cleanup(async () => client.close());
      const live = await client
        .from('commentary')
        .select('id,message')
        .eq('match_id', 11)
        .order('id', { ascending: false })
        .limit(20)
        .live()
        .ready();
      const use = Array.from({ length: CLIENTS }, (_, n) =>
        useIt(client, n, isOver, (ms) => times.push({ at: since(), value: ms })),
      );
      await Promise.all([
        ...use,
        runJobs(client, isOver),
        watch(stack, isOver, (bytes) => memory.push({ at: since(), value: bytes })),
      ]);
      const received = live.rows.length;
      const limit = (most: number) => (minutes < MEANINGFUL_MINUTES ? most * 1_000 : most);
      const [rss, latency] = [drift(memory, forMs), drift(times, forMs)];
      context.log(`${times.length} requests, ${memory.length} samples of memory`);
      return [
        atLeast('requests', 10, times.length),
        atLeast('rows of the live query', 1, received),
        atMost('growth of memory after warm-up', limit(MAX_GROWTH), rss, ' %'),
        atMost('drift of the median latency after warm-up', limit(MAX_DRIFT), latency, ' %'),
      ];
    },
  };
}

/** Percent between the medians of the first and the last third after the warm-up. */
function drift(samples: readonly Sample[], forMs: number): number {
  const warm = samples.filter(({ at }) => at >= forMs * WARM_SHARE);
  const third = (forMs * (1 - WARM_SHARE)) / 3;
  const first = warm.filter(({ at }) => at < forMs * WARM_SHARE + third).map(({ value }) => value);
  const last = warm.filter(({ at }) => at >= forMs - third).map(({ value }) => value);
  return first.length === 0 || last.length === 0 ? Number.NaN : (median(last) / median(first) - 1) * 100;
}

async function useIt(
  client: TidemarkClient,
  n: number,
  isOver: () => boolean,
  took: (ms: number) => void,
): Promise<void> {
  for (let turn = 0; !isOver(); turn += 1) {
    const began = performance.now();
    const match = 1 + ((n + turn) % 14);
    const { error } =
      turn % 10 === 0
        ? await client.from('commentary').insert({ match_id: match, minute: turn % 90, message: `Soak ${n} ${turn}` })
        : await client
            .from('commentary')
            .select('id,message')
            .eq('match_id', match)
            .order('id', { ascending: false })
            .limit(20);
    if (error) throw errors.WRONG_ANSWER({ what: 'a request of the soak', status: 0, text: error.message });
    took(performance.now() - began);
    await pause(50);
  }
}

async function runJobs(client: TidemarkClient, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const { id } = await client.jobs.start({
      kind: 'image.transform',
      spec: { input: { prefix: 'demo/images/' }, transform: { resize: { width: 64 } } },
    });
    await client.jobs.finished(id);
    await pause(JOB_EACH_MS);
  }
}

async function watch(stack: DemoStack, isOver: () => boolean, sampled: (bytes: number) => void): Promise<void> {
  while (!isOver()) {
    sampled((await performanceOf<{ rssBytes: number }>(stack, 'memory')).rssBytes);
    await pause(SAMPLE_MS);
  }
}
