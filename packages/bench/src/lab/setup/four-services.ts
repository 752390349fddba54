/** The four services as processes of their own on one database, as `tidemark up` runs them. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServerProcess, startServer } from '../../processes/server.ts';
import { equal, type Finding, type TrialContext } from '../trial.ts';
import { type GatewayPlace, SECRET } from './gateway.ts';

export const SERVICE_NAMES = ['gateway', 'realtime', 'batch', 'metrics'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];
export type FourServices = Readonly<Record<ServiceName, ServerProcess>>;

export interface FourServicesOptions extends GatewayPlace {
  /** Limit of open files of each; absent: the caller's own. */
  descriptors?: number;
  env?: Readonly<Record<string, string>>;
}

export async function startFourServices(
  context: Pick<TrialContext, 'cleanup'>,
  options: FourServicesOptions,
): Promise<FourServices> {
  const id = randomBytes(4).toString('hex');
  const filesDir = join(tmpdir(), `tidemark-lab-${id}`);
  context.cleanup(() => rm(filesDir, { recursive: true, force: true }));
  const shared = {
    PORT: '0',
    LOG_LEVEL: process.env.LAB_LOG ?? 'fatal',
    DATABASE_URL: options.primaryUrl,
    NATS_URL: options.natsUrl,
    NATS_PREFIX: `lab${id}`,
    JWT_SECRET: SECRET,
    TIDEMARK_FILES_DIR: filesDir,
    // Slots belong to the whole server, which trials share.
    RELAY_SLOT: `lab_${id}`,
    ...options.env,
  };
  const start = async (name: ServiceName, env: Readonly<Record<string, string>> = {}) => {
    const path = fileURLToPath(import.meta.resolve(`@tidemark/${name}/main`));
    const service = await startServer(name, path, { ...shared, ...env }, [], options.descriptors);
    context.cleanup(() => service.stop());
    return service;
  };
  const [realtime, batch, metrics] = await Promise.all([start('realtime'), start('batch'), start('metrics')]);
  const gateway = await start('gateway', { REALTIME_URL: realtime.url, METRICS_URL: metrics.url });
  return { gateway, realtime, batch, metrics };
}

/** An uncaught error would have ended the process, and a probe that is not answered has it replaced. */
export async function allRun(services: FourServices): Promise<Finding[]> {
  return Promise.all(
    SERVICE_NAMES.map(async (name) => equal(`${name} runs and answers its probe`, 200, await probe(services[name]))),
  );
}

export const probe = (service: ServerProcess) => probeAt(service.url);

/** @returns the status, or why there is none */
export async function probeAt(url: string, path = '/livez'): Promise<number | string> {
  // A connection of its own: one that is kept alive would say nothing about newcomers.
  const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) };
  return fetch(`${url}${path}`, options).then(
    (answer) => answer.status,
    (error: Error) => (error.cause as Error | undefined)?.message ?? error.message,
  );
}
