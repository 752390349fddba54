import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@tidemark/client';
import { errors } from '../errors.ts';
import { readRunningHome } from '../up/running-home.ts';
import { changeJob, type JobsOptions, jobsUsage, listJobs, showJob, watchJob } from './jobs.ts';

export interface JobsCommand {
  readonly words: readonly string[];
  readonly code: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly print: (line: string) => void;
  readonly redraw?: ((line: string) => void) | undefined;
}

export async function runJobs({ words, code, env, home, print, redraw }: JobsCommand): Promise<number> {
  const [action = 'list', id, ...rest] = words;
  if (rest.length > 0 || (action === 'list') !== (id === undefined) || (code !== undefined && action !== 'retry')) {
    throw jobsUsage(words);
  }
  const client = createClient(await gatewayUrl(env, home), { token: await tokenOf(env, home) });
  const options: JobsOptions = { jobs: client.jobs, print, redraw };
  switch (action) {
    case 'list':
      return listJobs(options);
    case 'show':
      return showJob(options, id!);
    case 'watch':
      return watchJob(options, id!);
    case 'cancel':
    case 'pause':
    case 'resume':
    case 'retry':
      return changeJob(options, action, id!, code);
    default:
      throw jobsUsage(words);
  }
}

async function gatewayUrl(env: NodeJS.ProcessEnv, home: string): Promise<string> {
  const url = env.TIDEMARK_URL || (await readRunningHome(home))?.url;
  if (url) return url;
  throw errors.USAGE({ reason: `which gateway? TIDEMARK_URL is not set, and no \`npm start\` runs in ${home}` });
}

/** Without a token of the environment, the service token of the home, which sees every job. */
async function tokenOf(env: NodeJS.ProcessEnv, home: string): Promise<string> {
  if (env.TIDEMARK_TOKEN) return env.TIDEMARK_TOKEN;
  const path = join(home, 'credentials.json');
  try {
    return (JSON.parse(await readFile(path, 'utf8')) as { service: string }).service;
  } catch (cause) {
    throw errors.USAGE({ reason: `TIDEMARK_TOKEN is not set, and ${path} cannot be read` }, { cause });
  }
}
