import { useEffect, useState } from 'react';
import type { TidemarkClient } from '../client.ts';
import type { TidemarkError } from '../errors.ts';
import type { Job } from '../jobs.ts';

export interface JobState {
  /** The newest version of its row; undefined before it arrives, and for a job that is unknown or invisible. */
  readonly job: Job | undefined;
  readonly isOver: boolean;
  readonly error: TidemarkError | undefined;
}

const UNKNOWN: JobState = { job: undefined, isOver: false, error: undefined };

/** Follows the row of a job while the component is mounted. Null follows nothing. */
export function useJob(client: TidemarkClient, id: string | null): JobState {
  const [shown, setShown] = useState<{ id: string | null; state: JobState }>({ id, state: UNKNOWN });
  useEffect(() => {
    if (id === null) return;
    const live = client.jobs.follow(id);
    const show = () => {
      const [job] = live.rows;
      setShown({ id, state: { job, isOver: job !== undefined && job.finished_at !== null, error: live.error } });
    };
    live.onChange(show);
    live.onStatus(show);
    return () => live.close();
  }, [client, id]);
  return shown.id === id ? shown.state : UNKNOWN;
}
