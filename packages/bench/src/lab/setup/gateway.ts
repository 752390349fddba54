import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env, ServerProcess } from '../../processes/server.ts';
import { type Servers, startService } from '../../processes/services.ts';
import { equal, type Finding, type TrialContext } from '../trial.ts';
import { probe } from './four-services.ts';

/** Rate and work limits are off, because all load comes from one address. */
export async function startGateway(context: TrialContext, servers: Servers, env: Env = {}): Promise<ServerProcess> {
  const id = randomBytes(4).toString('hex');
  const filesDir = join(tmpdir(), `tidemark-lab-${id}`);
  context.cleanup(() => rm(filesDir, { recursive: true, force: true }));
  const settings = { NATS_PREFIX: `lab${id}`, TIDEMARK_FILES_DIR: filesDir, RATE_LIMITS: 'off', WORK_LIMITS: 'off' };
  return context.stopAtEnd(await startService('gateway', servers, { env: { ...settings, ...env } }));
}

export const stillRuns = async (gateway: ServerProcess): Promise<Finding> =>
  equal('the gateway still runs and answers its probe', 200, await probe(gateway.url));
