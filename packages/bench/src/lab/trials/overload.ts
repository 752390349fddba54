/**
 * The gateway must keep its throughput and refuse the rest at once. The bottleneck is 10 connections with statements
 * of 40 ms, so that neither load nor machine decides the result.
 */
import { repeat } from '../../measuring/loops.ts';
import { percentile } from '../../measuring/statistics.ts';
import { pause } from '../../measuring/waiting.ts';
import { capacity, type OpenLoopResponse, offerLoad } from '../load/open-loop-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, type Finding, none, type Trial } from '../trial.ts';

const CONNECTIONS = 10;
const CLIENTS = 20;
const PACE = {
  quick: { capacityMs: 500, ms: 1_500, times: [4] },
  full: { capacityMs: 3_000, ms: 8_000, times: [3, 5] },
};
/** With SHED_QUEUE_MS=500 half of the requests wait that long. The rest is for the first second, with thousands of new sockets. */
const SERVED_P99_MS = 2_000;
const REFUSED_P99_MS = 2_000;
const SLOWEST_MS = 6_000;
const MIN_SHARE = 0.8;
const PROBE_INTERVAL_MS = 100;
/** Common time limit of orchestrators. */
const PROBE_MS = { quick: 5_000, full: 1_000 };
const WORK = `create function public.work() returns int language plpgsql stable as
  $$ begin perform pg_sleep(0.04); return 1; end $$;`;

export const overload: Trial = {
  name: 'overload',
  claim: 'under several times its capacity a gateway keeps its throughput, in time, and refuses the rest at once',
  async run(context): Promise<Finding[]> {
    const pace = PACE[context.mode];
    const { primaryUrl, natsUrl } = await context.database(WORK);
    const env = { DB_WRITE_POOL_MAX: String(CONNECTIONS), SHED_QUEUE_MS: '500' };
    const gateway = await startGateway(context, { primaryUrl, natsUrl }, env);
    const findings: Finding[] = [];
    const url = `${gateway.url}/rest/v1/rpc/work`;
    await capacity(url, CLIENTS, pace.capacityMs);
    const perSecond = await capacity(url, CLIENTS, pace.capacityMs);
    for (const times of pace.times) {
      const probing = startProbes(gateway.url);
      const responses = await offerLoad({ url, perSecond: perSecond * times, ms: pace.ms });
      await probing.stop();
      const { timesMs } = probing;
      findings.push(
        ...judge(`× ${times}`, responses, perSecond, context.quick, pace.ms),
        atMost(`× ${times}: slowest of ${timesMs.length} probes`, PROBE_MS[context.mode], Math.max(...timesMs), ' ms'),
      );
      context.log(`capacity ${perSecond.toFixed(0)}/s; offered ${times} times that: ${summary(responses)}`);
      await capacity(url, 1, 200);
    }
    return [...findings, await stillRuns(gateway)];
  },
};

function judge(
  name: string,
  responses: readonly OpenLoopResponse[],
  perSecond: number,
  quick: boolean,
  ms: number,
): Finding[] {
  const served = responses.filter(({ status }) => status === 200);
  const refused = responses.filter(({ status }) => status === 503);
  const inTime = served.filter(({ at }) => at <= ms).length;
  const wellRefused = refused.filter(({ retryAfter }) => retryAfter).length;
  const findings = [
    none(`${name}: neither served nor refused with Retry-After`, responses.length - served.length - wellRefused),
    atMost(`${name}: slowest response`, SLOWEST_MS, quantile(responses, 1), ' ms'),
    atLeast(`${name}: refused`, 1, refused.length),
  ];
  // A quick round ends while thousands of sockets are still opening, which would be what it measures.
  if (quick) return findings;
  return [
    ...findings,
    atLeast(`${name}: served, as a share of capacity`, MIN_SHARE, (inTime / ms) * (1_000 / perSecond)),
    atMost(`${name}: p99 of served requests`, SERVED_P99_MS, quantile(served, 0.99), ' ms'),
    atMost(`${name}: p99 of refused requests`, REFUSED_P99_MS, quantile(refused, 0.99), ' ms'),
  ];
}

const quantile = (responses: readonly OpenLoopResponse[], share: number) =>
  percentile(
    responses.map(({ ms }) => ms),
    share,
  );

function summary(responses: readonly OpenLoopResponse[]): string {
  const part = (status: number) => {
    const some = responses.filter((response) => response.status === status);
    return `${some.length} × ${status} (p50 ${quantile(some, 0.5).toFixed(0)}, p99 ${quantile(some, 0.99).toFixed(0)} ms)`;
  };
  return [...new Set(responses.map(({ status }) => status))].sort().map(part).join(', ');
}

/** A probe that is not answered with 200 counts as infinitely slow. */
function startProbes(url: string) {
  const timesMs: number[] = [];
  const probe = async (path: string) => {
    const sentAt = performance.now();
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    await response?.arrayBuffer();
    timesMs.push(response?.status === 200 ? performance.now() - sentAt : Number.POSITIVE_INFINITY);
  };
  const loop = repeat(() => Promise.all([probe('/livez'), probe('/readyz'), pause(PROBE_INTERVAL_MS)]));
  return { timesMs, stop: loop.stop };
}
