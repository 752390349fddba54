/** Jobs of a story: start, watch in the terminal, and read what they made. */
import type { CreateJob, Job, JobItem, TidemarkClient } from '@tidemark/client';
import { errors } from '../errors.ts';
import type { Stage } from './stage.ts';

const PAGE = 1_000;

/** @throws CLI_PLAY_FAILED where a job does not succeed */
export async function runJob(stage: Stage, client: TidemarkClient, job: CreateJob, what: string): Promise<Job> {
  const { id } = await client.jobs.start(job);
  const ended = await client.jobs.finished(id, ({ done, failed, total }) => stage.draw(what, done + failed, total));
  if (ended.state === 'succeeded') return ended;
  const failures = ended.failed > 0 ? JSON.stringify(await client.jobs.failureCounts(id)) : '';
  throw errors.PLAY_FAILED({
    reason: `the job ${job.kind} ended as ${ended.state}: ${JSON.stringify(ended.error)} ${failures}`.slice(0, 1_000),
  });
}

export async function* itemsOf(client: TidemarkClient, job: string): AsyncGenerator<JobItem> {
  let after: number | undefined;
  for (;;) {
    const page = await client.jobs.items(job, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.index;
  }
}

/** The file of a job with one item. */
export async function fileOf(client: TidemarkClient, job: string): Promise<string> {
  const [item] = await client.jobs.items(job, { limit: 1 });
  const file = item?.files[0];
  if (file) return file;
  throw errors.PLAY_FAILED({ reason: `the job ${job} has made no file` });
}
