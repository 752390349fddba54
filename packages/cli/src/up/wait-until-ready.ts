import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '../errors.ts';

const LOOK_EVERY_MS = 100;
const REPORT_EVERY_MS = 3_000;
const LIMIT_MS = 60_000;
const REQUEST_MS = 2_000;

export interface Instance {
  readonly instance: string;
  url(): string;
}

/**
 * Resolves when every instance answers 200 to /readyz, so that also live queries work. `token` has the role ops, which
 * may see the reasons. @throws CLI_NOT_READY
 */
export async function waitUntilReady(
  instances: readonly Instance[],
  token: string,
  report: (line: string) => void,
  limitMs = LIMIT_MS,
): Promise<void> {
  const began = performance.now();
  let reportedAt = began;
  let waiting = instances;
  for (;;) {
    const problems = await Promise.all(waiting.map((one) => problemOf(one, token)));
    waiting = waiting.filter((_, index) => problems[index] !== undefined);
    const [instance] = waiting;
    if (!instance) return;
    const problem = problems.find((one) => one !== undefined) ?? '';
    const now = performance.now();
    if (now - began > limitMs) {
      throw errors.NOT_READY({ instance: instance.instance, seconds: limitMs / 1_000, problem });
    }
    if (now - reportedAt > REPORT_EVERY_MS) {
      reportedAt = now;
      report(`waiting for ${instance.instance}: ${problem}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function problemOf({ url }: Instance, token: string): Promise<string | undefined> {
  try {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url()}/readyz`, { headers, signal: AbortSignal.timeout(REQUEST_MS) });
    const body = (await response.json()) as { problems?: string[] };
    return response.ok ? undefined : (body.problems?.join('; ') ?? `status ${response.status}`);
  } catch (error) {
    return `/readyz: ${(error as Error).message}`;
  }
}
