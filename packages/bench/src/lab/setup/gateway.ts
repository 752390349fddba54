/** A gateway in a process of its own, for trials: what it does not catch ends that process, and is seen. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ServerProcess, startServer } from '../../processes/server.ts';
import { equal, type Finding, type TrialContext } from '../trial.ts';

export const SECRET = 'a secret of thirty-two characters';

export interface GatewayPlace {
  primaryUrl: string;
  replicaUrl?: string | undefined;
  natsUrl: string;
}

export async function startGateway(
  context: Pick<TrialContext, 'cleanup'>,
  place: GatewayPlace,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const filesDir = join(tmpdir(), `tidemark-lab-${randomBytes(4).toString('hex')}`);
  const gateway = await startServer('gateway', fileURLToPath(import.meta.resolve('@tidemark/gateway/main')), {
    PORT: '0',
    LOG_LEVEL: 'fatal',
    DATABASE_URL: place.primaryUrl,
    DATABASE_REPLICA_URLS: place.replicaUrl ?? '',
    NATS_URL: place.natsUrl,
    NATS_PREFIX: `lab${randomBytes(4).toString('hex')}`,
    JWT_SECRET: SECRET,
    TIDEMARK_FILES_DIR: filesDir,
    // All load comes from one address.
    RATE_LIMITS: 'off',
    WORK_LIMITS: 'off',
    ...env,
  });
  context.cleanup(async () => {
    await gateway.stop();
    await rm(filesDir, { recursive: true, force: true });
  });
  return gateway;
}

/** An uncaught error would have ended it. */
export async function stillRuns(gateway: ServerProcess): Promise<Finding> {
  const status = await fetch(`${gateway.url}/livez`).then(
    (answer) => answer.status,
    (error: Error) => error.message,
  );
  return equal("the gateway's process runs on: no uncaught error", 200, status);
}
