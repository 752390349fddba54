import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '@tidemark/local-stack';
import { until } from '../../measuring/waiting.ts';
import { SERVICE_NAMES, type ServiceName } from '../../processes/services.ts';
import type { TrialContext } from '../trial.ts';

export interface TidemarkUp {
  readonly url: string;
  readonly pid: number;
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  readonly tokens: Readonly<Record<string, string>>;
  urlOf(service: ServiceName): string;
  output(): string;
  running(): boolean;
}

const START_MS = 100_000;
const QUICK_DEMO_SCALE = '0.02';
const STOP_MS = 25_000;

/** The stories of blueprints use the ports behind those of the services (packages/cli/src/play/outside/ports.ts). */
const PORTS = 10;

export async function startTidemarkUp(
  context: TrialContext,
  home: string,
  { demo = false }: { demo?: boolean } = {},
): Promise<TidemarkUp> {
  const port = await freePorts(PORTS);
  const main = fileURLToPath(new URL('main.js', import.meta.resolve('@tidemark/cli')));
  const env = {
    PATH: process.env.PATH ?? '',
    TIDEMARK_HOME: home,
    PORT: String(port),
    HOME: home,
    DEMO_SCALE: context.quick ? QUICK_DEMO_SCALE : '1',
  };
  const child = spawn(process.execPath, [main, 'up', ...(demo ? [] : ['--no-demo'])], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  const running = () => child.exitCode === null && child.signalCode === null;
  context.cleanup(async () => {
    if (!running()) return;
    const gone = once(child, 'exit');
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(timer);
  });
  await until(
    () => `tidemark up to be ready: ${output}`,
    () => /^ready /m.test(output) || !running(),
    START_MS,
  );
  const primaryUrl = /postgres +(postgres:\S+)/.exec(output)?.[1] ?? '';
  const replicaUrl = /replica +(postgres:\S+)/.exec(output)?.[1] ?? '';
  const tokens = JSON.parse(await readFile(join(home, 'credentials.json'), 'utf8')) as Record<string, string>;
  const urlOf = (service: ServiceName) => `http://127.0.0.1:${port + SERVICE_NAMES.indexOf(service)}`;
  return {
    pid: child.pid as number,
    url: urlOf('gateway'),
    primaryUrl,
    replicaUrl,
    tokens,
    urlOf,
    output: () => output,
    running,
  };
}
