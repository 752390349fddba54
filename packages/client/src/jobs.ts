/** Batch jobs: rows of `tidemark.jobs`, whose progress a live query follows. */
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

  /** Returns the 100 newest jobs, newest first. */
  list(): Promise<Job[]> {
    return this.#requests.json('GET', '/api/v1/jobs');
  }

  get(id: string): Promise<Job> {
    return this.#requests.json('GET', `/api/v1/jobs/${encodeURIComponent(id)}`);
  }

  /** Finishes the items in progress and starts no others. A finished job stays as it is. */
  cancel(id: string): Promise<Job> {
    return this.#requests.json('DELETE', `/api/v1/jobs/${encodeURIComponent(id)}`);
  }

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
   * Resolves with the job once it has succeeded, failed or been cancelled; `onProgress` gets each version of its row.
   *
   * @throws TidemarkError CLIENT_JOB_NOT_FOUND for an unknown or invisible job
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
    message: `there is no visible job ${id}`,
    hint: 'A job is visible to the user who started it; use that user’s token.',
    status: 404,
  });
