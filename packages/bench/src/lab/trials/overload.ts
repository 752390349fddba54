/**
 * Three and five times what the gateway can do, sent by clients that do not wait: what it can do must go on being done, in time,
 * and the rest must be told so at once. What is short are connections (10, of statements that take 40 ms), so that neither the load
 * nor the rest of the machine decides what comes out; what an event loop that is late does is in the gateway's tests.
 */
import { withClient } from '@tidemark/local-stack';
import { capacity, type OfferedAnswer, offer } from '../load/open-loop-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, equal, type Finding, type Trial } from '../trial.ts';

const CONNECTIONS = 10;
/** Enough to keep them all busy. */
const CLIENTS = 20;
const PACE = {
  quick: { capacityMs: 500, ms: 1_500, times: [4] },
  full: { capacityMs: 3_000, ms: 8_000, times: [3, 5] },
};
/** With SHED_QUEUE_MS=500 half of them wait that long. The first second, when thousands of sockets come at once, is the rest. */
const SERVED_P99_MS = 2_000;
const REFUSED_P99_MS = 2_000;
/** As long as a request may wait for a connection. */
const SLOWEST_MS = 6_000;
const GOODPUT = 0.8;
const PROBE_MS = 100;
/** Orchestrators commonly give a probe this long. */
const PROBE_WITHIN_MS = 1_000;

export const overload: Trial = {
  name: 'overload',
  claim:
    'under several times its capacity a gateway goes on doing what it can, in time, and says no to the rest at once',
  async run(context): Promise<Finding[]> {
    const { quick, log } = context;
    const pace = quick ? PACE.quick : PACE.full;
    const stack = await context.stack();
    const { primaryUrl } = await context.database();
    await withClient(primaryUrl, async (sql) => {
      await sql.unsafe(`
        create function public.work() returns int language plpgsql stable as
          $$ begin perform pg_sleep(0.04); return 1; end $$;`);
    });
    const gateway = await startGateway(
      context,
      { primaryUrl, natsUrl: stack.natsUrl },
      { DB_WRITE_POOL_MAX: String(CONNECTIONS), SHED_QUEUE_MS: '500' },
    );
    const findings: Finding[] = [];
    const url = `${gateway.url}/rest/v1/rpc/work`;
    await capacity(url, CLIENTS, pace.capacityMs);
    const can = await capacity(url, CLIENTS, pace.capacityMs);
    for (const times of pace.times) {
      const probes = probe(gateway.url);
      const answers = await offer({ url, perSecond: can * times, ms: pace.ms });
      const asked = await probes.stop();
      findings.push(...judge(`× ${times}`, answers, can, quick, pace.ms));
      findings.push(
        atMost(
          `× ${times}: slowest of ${asked.length} probes`,
          quick ? 5 * PROBE_WITHIN_MS : PROBE_WITHIN_MS,
          Math.max(...asked),
          ' ms',
        ),
      );
      log(`can do ${can.toFixed(0)}/s; offered ${times} times that: ${summary(answers)}`);
      // What was let in has to be done before the next measurement.
      await capacity(url, 1, 200);
    }
    return [...findings, await stillRuns(gateway)];
  },
};

function judge(name: string, answers: readonly OfferedAnswer[], can: number, quick: boolean, ms: number): Finding[] {
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 503);
  const inTime = served.filter(({ at }) => at <= ms).length;
  const findings = [
    equal(
      `${name}: neither served nor refused with Retry-After`,
      0,
      answers.length - served.length - refused.filter(({ retryAfter }) => retryAfter).length,
    ),
    atMost(`${name}: slowest answer`, SLOWEST_MS, percentile(answers, 1), ' ms'),
    atLeast(`${name}: refused`, 1, refused.length),
  ];
  // A quick round ends while thousands of sockets are still being opened: what it measures is that.
  if (quick) return findings;
  return [
    ...findings,
    atLeast(`${name}: served, as a share of capacity`, GOODPUT, (inTime / ms) * (1_000 / can)),
    atMost(`${name}: p99 of those served`, SERVED_P99_MS, percentile(served, 0.99), ' ms'),
    atMost(`${name}: p99 of those refused`, REFUSED_P99_MS, percentile(refused, 0.99), ' ms'),
  ];
}

function percentile(answers: readonly OfferedAnswer[], q: number): number {
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0;
}

function summary(answers: readonly OfferedAnswer[]): string {
  const of = (status: number) => answers.filter((answer) => answer.status === status);
  const part = (status: number) =>
    `${of(status).length} × ${status} (p50 ${percentile(of(status), 0.5).toFixed(0)}, p99 ${percentile(of(status), 0.99).toFixed(0)} ms)`;
  return [...new Set(answers.map(({ status }) => status))].sort().map(part).join(', ');
}

/** Asks for /livez and /readyz as an orchestrator does; ms of each, infinite for one that did not get 200. */
function probe(url: string) {
  const times: number[] = [];
  let open = true;
  const ask = async (path: string) => {
    const sentAt = performance.now();
    const ok = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(5_000) }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status === 200;
      },
      () => false,
    );
    times.push(ok ? performance.now() - sentAt : Number.POSITIVE_INFINITY);
  };
  const running = (async () => {
    for (; open; await new Promise((resolve) => setTimeout(resolve, PROBE_MS))) {
      await Promise.all([ask('/livez'), ask('/readyz')]);
    }
  })();
  return {
    async stop(): Promise<number[]> {
      open = false;
      await running;
      return times;
    },
  };
}
