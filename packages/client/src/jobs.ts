/** Batch jobs: rows of `tidemark.jobs`, whose progress a live query follows. */
import type { CreateJob, Job } from '@tidemark/contracts';
import { TidemarkError } from './errors.ts';
import type { LiveConnections } from './live/connections.ts';
import { LiveQuery } from './live/live-query.ts';
import type { Requests } from './requests.ts';

export type { CreateJob, Job };

/** A job with its times, by the clock of Postgres. Rows of a live query do not have them. */
export interface TimedJob extends Job {
  /** Seconds between the moment at which the job could start and its start. */
  wait_seconds: number | null;
  run_seconds: number | null;
  /** Items in a second, since the start. */
  rate: number | null;
  /** When the job will be done at this rate; null while its source may have more items. */
  eta: string | null;
}

export interface JobItem {
  index: number;
  /** waiting: it failed and will be tried again. */
  state: 'succeeded' | 'failed' | 'waiting';
  attempts: number;
  input: unknown;
  value: unknown;
  /** Ids of the item's files. */
  files: string[];
  code: string | null;
  error: { message: string; hint: string | null } | null;
  duration_ms: number | null;
  ended_at: string;
}

export type JobFailure = Omit<JobItem, 'state' | 'value' | 'files'>;

export interface JobFailureCount {
  code: string;
  count: number;
  /** Index of the first and of the last item. */
  first: number;
  last: number;
  sample: { index: number; input: unknown; message: string; hint: string | null };
}

export interface JobItemsOptions {
  /** Index of the last item of the page before. */
  after?: number;
  /** 1 to 1,000; default 100. */
  limit?: number;
  code?: string;
}

const isOver = (job: Job) => job.finished_at !== null;

export class Jobs {
  #requests: Requests;
  #connection: LiveConnections;

  constructor(requests: Requests, connection: LiveConnections) {
    this.#requests = requests;
    this.#connection = connection;
  }

  start(job: CreateJob): Promise<TimedJob> {
    return this.#requests.json('POST', '/api/v1/jobs', job);
  }

  /** Returns the 100 newest jobs, newest first. */
  list(): Promise<TimedJob[]> {
    return this.#requests.json('GET', '/api/v1/jobs');
  }

  get(id: string): Promise<TimedJob> {
    return this.#requests.json('GET', pathOf(id));
  }

  /** Stops the items in progress and starts no others. A finished job stays as it is. */
  cancel(id: string): Promise<TimedJob> {
    return this.#requests.json('DELETE', pathOf(id));
  }

  /** Starts no more items; those in progress finish. */
  pause(id: string): Promise<TimedJob> {
    return this.#requests.json('POST', pathOf(id, 'pause'));
  }

  resume(id: string): Promise<TimedJob> {
    return this.#requests.json('POST', pathOf(id, 'resume'));
  }

  /** Runs the failed items of an ended job again: all of them, or those with a code. */
  retry(id: string, options: { code?: string } = {}): Promise<TimedJob> {
    return this.#requests.json('POST', pathOf(id, 'retry', options));
  }

  /** Returns a page of the items that have run, in order of their index. */
  items(id: string, options: JobItemsOptions = {}): Promise<JobItem[]> {
    return this.#requests.json('GET', pathOf(id, 'items', options));
  }

  /** Returns a page of the failed items, in order of their index. */
  failures(id: string, options: JobItemsOptions = {}): Promise<JobFailure[]> {
    return this.#requests.json('GET', pathOf(id, 'failures', options));
  }

  /** Returns the failures of a job by their code, the most frequent first. */
  failureCounts(id: string): Promise<JobFailureCount[]> {
    return this.#requests.json('GET', pathOf(id, 'failures', { group: 'code' }));
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

function pathOf(id: string, action?: string, query: object = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  const search = given.length > 0 ? `?${new URLSearchParams(given)}` : '';
  return `/api/v1/jobs/${encodeURIComponent(id)}${action ? `/${action}` : ''}${search}`;
}

const jobGone = (id: string) =>
  new TidemarkError({
    code: 'CLIENT_JOB_NOT_FOUND',
    message: `there is no visible job ${id}`,
    hint: 'A job is visible to the user who started it; use that user’s token.',
    status: 404,
  });
