/** Batch jobs: rows of `tidemark.jobs`, whose progress is followed like any other row's. */
import type { CreateJob, Job } from '@tidemark/contracts';
import { TidemarkError } from './errors.ts';
import type { LiveConnections } from './live/connections.ts';
import { LiveQuery } from './live/live-query.ts';
import type { Requests } from './requests.ts';

export type { CreateJob, Job };

const isOver = (job: Job) => job.finished_at !== null;

export class Jobs {
  #requests: Requests;
  #connection: LiveConnections;

  constructor(requests: Requests, connection: LiveConnections) {
    this.#requests = requests;
    this.#connection = connection;
  }

  start(job: CreateJob): Promise<Job> {
    return this.#requests.json('POST', '/api/v1/jobs', job);
  }

  /** The last hundred, newest first. */
  list(): Promise<Job[]> {
    return this.#requests.json('GET', '/api/v1/jobs');
  }

  get(id: string): Promise<Job> {
    return this.#requests.json('GET', `/api/v1/jobs/${encodeURIComponent(id)}`);
  }

  /** What is under way is finished, nothing more is begun. A job that is over stays as it is. */
  cancel(id: string): Promise<Job> {
    return this.#requests.json('DELETE', `/api/v1/jobs/${encodeURIComponent(id)}`);
  }

  /** The job's row, as it changes: `done` and `failed` of `total`. */
  follow(id: string): LiveQuery<Job> {
    return new LiveQuery<Job>(this.#connection, {
      query: `jobs?id=eq.${encodeURIComponent(id)}`,
      profile: 'tidemark',
      mode: 'every',
      snapshot: true,
      after: undefined,
    });
  }

  /**
   * Resolves with the job once it has succeeded, failed or was cancelled.
   *
   * @param onProgress called with each state of it
   * @throws TidemarkError where it is not there, or not visible
   */
  async finished(id: string, onProgress: (job: Job) => void = () => {}): Promise<Job> {
    const live = this.follow(id);
    try {
      for await (const event of live) {
        if (event.type === 'gap') continue;
        const job = event.type === 'snapshot' ? event.rows[0] : 'row' in event ? event.row : undefined;
        if (!job) throw jobGone(id);
        onProgress(job);
        if (isOver(job)) return job;
      }
      throw jobGone(id);
    } finally {
      live.close();
    }
  }
}

const jobGone = (id: string) =>
  new TidemarkError({
    code: 'CLIENT_JOB_NOT_FOUND',
    message: `there is no job ${id} that you may see`,
    hint: 'Jobs are visible to who started them; use their token.',
    status: 404,
  });
