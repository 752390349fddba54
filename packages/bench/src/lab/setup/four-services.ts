import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env, ProcessOptions, ServerProcess } from '../../processes/server.ts';
import { SERVICE_NAMES, type Servers, type ServiceName, startService } from '../../processes/services.ts';
import { equal, type Finding, type TrialContext } from '../trial.ts';

export type FourServices = Readonly<Record<ServiceName, ServerProcess>>;

export async function startFourServices(
  context: TrialContext,
  { primaryUrl, natsUrl }: Servers,
  { env, ...options }: ProcessOptions,
): Promise<FourServices> {
  const id = randomBytes(4).toString('hex');
  const filesDir = join(tmpdir(), `tidemark-lab-${id}`);
  context.cleanup(() => rm(filesDir, { recursive: true, force: true }));
  const shared: Env = {
    NATS_PREFIX: `lab${id}`,
    TIDEMARK_FILES_DIR: filesDir,
    // Replication slots belong to the whole server, which trials share.
    RELAY_SLOT: `lab_${id}`,
    ...env,
  };
  const start = async (name: ServiceName, own: Env = {}) =>
    context.stopAtEnd(await startService(name, { primaryUrl, natsUrl }, { ...options, env: { ...shared, ...own } }));
  const [realtime, batch, metrics] = await Promise.all([start('realtime'), start('batch'), start('metrics')]);
  const gateway = await start('gateway', { REALTIME_URL: realtime.url, METRICS_URL: metrics.url });
  return { gateway, realtime, batch, metrics };
}

/** An uncaught error would have ended a process, and an orchestrator replaces one that does not answer its probe. */
export async function allRun(services: FourServices): Promise<Finding[]> {
  return Promise.all(
    SERVICE_NAMES.map(async (name) =>
      equal(`${name} runs and answers its probe`, 200, await probe(services[name].url)),
    ),
  );
}

export async function probe(url: string, path = '/livez'): Promise<number | string> {
  // A new connection: a kept one would say nothing about new clients.
  const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) };
  return fetch(`${url}${path}`, options).then(
    (response) => response.status,
    (error: Error) => (error.cause as Error | undefined)?.message ?? error.message,
  );
}
