import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type TidemarkClient } from '@tidemark/client';
import { errors } from '../errors.ts';
import { readRunningHome } from '../up/running-home.ts';

/** Returns a client of the gateway that the environment names, else of the one that runs in the home. */
export async function clientOf(env: NodeJS.ProcessEnv, home: string): Promise<TidemarkClient> {
  return createClient(await gatewayUrl(env, home), { token: await tokenOf(env, home) });
}

/** Returns the gateway that the environment names, else the one that runs in the home. @throws CLI_USAGE when there is neither */
export async function gatewayUrl(env: NodeJS.ProcessEnv, home: string): Promise<string> {
  const url = env.TIDEMARK_URL || (await readRunningHome(home))?.url;
  if (url) return url;
  throw errors.USAGE({ reason: `which gateway? TIDEMARK_URL is not set, and no \`npm start\` runs in ${home}` });
}

/** Returns TIDEMARK_TOKEN, or else the service token of the home, which sees every job. */
async function tokenOf(env: NodeJS.ProcessEnv, home: string): Promise<string> {
  if (env.TIDEMARK_TOKEN) return env.TIDEMARK_TOKEN;
  const path = join(home, 'credentials.json');
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { service: string }).service;
  } catch (cause) {
    throw errors.USAGE({ reason: `TIDEMARK_TOKEN is not set, and ${path} cannot be read` }, { cause });
  }
}
