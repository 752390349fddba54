/** Jobs that start again and again: rows of `tidemark.job_schedules`. */
import type { CreateSchedule, Schedule } from '@tidemark/contracts';
import type { Requests } from './requests.ts';

export type { CreateSchedule, Schedule };

/** A time at which a schedule was due, and the job that it started. */
export interface ScheduleRun {
  due_at: string;
  /** waiting: until the job before has ended. missed: no instance ran. */
  state: 'started' | 'ended' | 'waiting' | 'skipped' | 'missed' | 'refused';
  job_id: string | null;
  /** Says why no job could start. */
  error: { code: string; message: string; hint: string | null } | null;
  decided_at: string;
}

export class Schedules {
  #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  create(schedule: CreateSchedule): Promise<Schedule> {
    return this.#requests.json('POST', '/api/v1/schedules', schedule);
  }

  /** Returns the 100 newest schedules, newest first. */
  list(): Promise<Schedule[]> {
    return this.#requests.json('GET', '/api/v1/schedules');
  }

  get(id: string): Promise<Schedule> {
    return this.#requests.json('GET', pathOf(id));
  }

  /** Returns a page of at most 100 times, the latest first. `after` is the `due_at` of the last one of the page before. */
  runs(id: string, { after }: { after?: string } = {}): Promise<ScheduleRun[]> {
    const search = after === undefined ? '' : `?${new URLSearchParams({ after })}`;
    return this.#requests.json('GET', `${pathOf(id, 'runs')}${search}`);
  }

  /** Starts nothing until it is resumed; the times between are not made up for. */
  pause(id: string): Promise<Schedule> {
    return this.#requests.json('POST', pathOf(id, 'pause'));
  }

  resume(id: string): Promise<Schedule> {
    return this.#requests.json('POST', pathOf(id, 'resume'));
  }

  /** Starts a job now, beside the times of the pattern; `runs` says which one. */
  run(id: string): Promise<Schedule> {
    return this.#requests.json('POST', pathOf(id, 'run'));
  }

  /** Jobs that it has started go on. */
  remove(id: string): Promise<Schedule> {
    return this.#requests.json('DELETE', pathOf(id));
  }
}

const pathOf = (id: string, action?: string) =>
  `/api/v1/schedules/${encodeURIComponent(id)}${action ? `/${action}` : ''}`;
