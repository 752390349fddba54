/** Load at a fixed rate that does not wait for responses. */
import { Agent } from 'undici';
import { closedLoop, openLoop } from '../../measuring/loops.ts';

export interface OpenLoopResponse {
  readonly status: number;
  readonly retryAfter: boolean;
  /** Time since the request was due, so that a slow client hides nothing. */
  readonly ms: number;
  readonly at: number;
}

export interface OpenLoopLoad {
  readonly url: string;
  readonly perSecond: number;
  readonly ms: number;
}

/** Maximum requests in flight; more wait here, which their times include. */
const CONNECTIONS = 3_000;
const RESPONSE_MS = 15_000;

export async function offerLoad({ url, perSecond, ms }: OpenLoopLoad): Promise<OpenLoopResponse[]> {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    headersTimeout: RESPONSE_MS,
    bodyTimeout: RESPONSE_MS,
  });
  const responses: Promise<OpenLoopResponse>[] = [];
  const startedAt = performance.now();
  await openLoop(perSecond, ms, (_, dueAt) => {
    const settled = (status: number, retryAfter: boolean): OpenLoopResponse => {
      const now = performance.now();
      return { status, retryAfter, ms: now - dueAt, at: now - startedAt };
    };
    const response = get(agent, url).then(
      ({ statusCode, headers }) => settled(statusCode, headers['retry-after'] !== undefined),
      () => settled(0, false),
    );
    responses.push(response);
  });
  const settled = await Promise.all(responses);
  await agent.destroy();
  return settled;
}

/** The capacity is what clients that wait for each response get. */
export async function capacity(url: string, clients: number, ms: number): Promise<number> {
  const agent = new Agent({ connections: clients, pipelining: 1 });
  const { perSecond } = await closedLoop(clients, ms, async () => (await get(agent, url)).statusCode === 200);
  await agent.destroy();
  return perSecond;
}

async function get(agent: Agent, url: string) {
  const { origin, pathname, search } = new URL(url);
  const response = await agent.request({ origin, path: pathname + search, method: 'GET' });
  await response.body.dump();
  return response;
}
