/** All claims of a run are measured on a single stack with demo data, as `npm start` makes it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCredentials } from '@tidemark/cli';
import { errors } from '../errors.ts';
import { startTidemarkUp } from '../lab/setup/tidemark-up.ts';
import type { TrialContext } from '../lab/trial.ts';

export interface DemoStack {
  readonly url: string;
  readonly secret: string;
  readonly tokens: Readonly<Record<string, string>>;
}

export async function demoStack(context: TrialContext): Promise<DemoStack> {
  const home = await mkdtemp(join(tmpdir(), 'tidemark-claims-'));
  context.cleanup(() => rm(home, { recursive: true, force: true }));
  const { url, tokens } = await startTidemarkUp(context, home, { demo: true });
  const { secret } = await loadCredentials(home);
  return { url, secret, tokens };
}

/** @throws BENCH_WRONG_ANSWER */
export async function performanceOf<T>({ url, tokens }: DemoStack, path: string): Promise<T> {
  const answer = await fetch(`${url}/api/v1/performance/${path}`, {
    headers: { authorization: `Bearer ${tokens.ops}` },
  });
  if (!answer.ok) throw errors.WRONG_ANSWER({ what: path, status: answer.status, text: await answer.text() });
  return (await answer.json()) as T;
}
