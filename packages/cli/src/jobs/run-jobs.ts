import { clientOf } from './client-of.ts';
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
  const { jobs } = await clientOf(env, home);
  const options: JobsOptions = { jobs, print, redraw };
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
