/** Figures of the stack under the reads of fifty clients: pools, memory, errors, slow statements, workers, compression. */
import { gunzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { atLeast, atMost, type Finding, type Trial } from '../lab/trial.ts';
import { closedLoop } from '../measuring/loops.ts';
import { pause } from '../measuring/waiting.ts';
import { type DemoStack, demoStack, performanceOf } from './demo-stack.ts';

const CLIENTS = 50;
const READ_MS = { quick: 3_000, full: 30_000 };
/** Two rounds of telemetry. */
const TELEMETRY_MS = 2_500;
const SAMPLE_MS = 1_000;
const PATH = '/rest/v1/commentary?select=*&order=id&limit=200';

interface Summary {
  pools: Record<string, { utilization: number }>;
  workers: { available: number };
}
interface Health {
  instances: {
    service: string;
    process: { rssBytes: number };
    http?: { requestsTotal: number; errorsTotal: number };
  }[];
}
interface Statements {
  callsTotal: number;
  slowTotal: number;
}

export const figures: Trial = {
  name: 'figures',
  claim: 'pools have room, a request takes little memory, nothing fails or is slow, and answers are compressed',
  async run(context): Promise<Finding[]> {
    const stack = await demoStack(context);
    await pause(TELEMETRY_MS);
    const before = { health: await performanceOf<Health>(stack, 'health'), statements: await statementsOf(stack) };
    const sampled = sample(stack);
    let turn = 0;
    const agent = new Agent({ connections: CLIENTS, pipelining: 1 });
    await closedLoop(CLIENTS, READ_MS[context.mode], async () => {
      turn += 1;
      const { statusCode, body } = await request(`${stack.url}${PATH}&match_id=eq.${1 + (turn % 14)}`, {
        dispatcher: agent,
      });
      await body.dump();
      return statusCode === 200;
    });
    await agent.destroy();
    await pause(TELEMETRY_MS);
    const { utilization, rssBytes } = await sampled.end();
    const [after, statements] = [await performanceOf<Health>(stack, 'health'), await statementsOf(stack)];
    const requests = http(after).requestsTotal - http(before.health).requestsTotal;
    const failed = http(after).errorsTotal - http(before.health).errorsTotal;
    const calls = statements.callsTotal - before.statements.callsTotal;
    const slow = statements.slowTotal - before.statements.slowTotal;
    const { workers } = await performanceOf<Summary>(stack, 'summary');
    const grown = Math.max(0, rssBytes - gatewayBytes(before.health)) / 1024 ** 2;
    return [
      atLeast('requests that were measured', 100, requests),
      atMost('pool utilisation', 80, utilization * 100, ' %'),
      atMost('memory for each request in progress', 5, grown / CLIENTS, ' MB'),
      atMost('error rate', 0.1, (failed / requests) * 100, ' %'),
      atMost('slow-query rate', 1, calls === 0 ? 0 : (slow / calls) * 100, ' %'),
      atLeast('workers available', 1, workers.available),
      atLeast('compression', 60, (await compression(stack)) * 100, ' % smaller'),
    ];
  },
};

const gatewayBytes = ({ instances }: Health) =>
  instances.filter(({ service }) => service === 'gateway').reduce((sum, { process }) => sum + process.rssBytes, 0);

const http = ({ instances }: Health) => {
  const of = (key: 'requestsTotal' | 'errorsTotal') => instances.reduce((sum, one) => sum + (one.http?.[key] ?? 0), 0);
  return { requestsTotal: of('requestsTotal'), errorsTotal: of('errorsTotal') };
};

const statementsOf = (stack: DemoStack) => performanceOf<Statements>(stack, 'queries/summary');

/** The highest utilisation of a pool, and the most memory of the gateways, until the end. */
function sample(stack: DemoStack) {
  let isOver = false;
  const most = { utilization: 0, rssBytes: 0 };
  const sampling = (async () => {
    while (!isOver) {
      const { pools } = await performanceOf<Summary>(stack, 'summary');
      most.utilization = Math.max(most.utilization, ...Object.values(pools).map(({ utilization }) => utilization));
      most.rssBytes = Math.max(most.rssBytes, gatewayBytes(await performanceOf<Health>(stack, 'health')));
      await pause(SAMPLE_MS);
    }
  })();
  return {
    async end() {
      isOver = true;
      await sampling;
      return most;
    },
  };
}

/** The share of bytes that gzip saves. */
async function compression({ url }: DemoStack): Promise<number> {
  const { headers, body } = await request(`${url}${PATH}`, { headers: { 'accept-encoding': 'gzip' } });
  const bytes = Buffer.from(await body.arrayBuffer());
  if (headers['content-encoding'] !== 'gzip') return 0;
  return 1 - bytes.length / gunzipSync(bytes).length;
}
