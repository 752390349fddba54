import { useAddress } from '../../address/router.tsx';
import { LookAs } from '../../eyes/eyes.tsx';
import { JobDetail } from './job-detail.tsx';
import { Jobs } from './jobs.tsx';
import { Queue } from './queue.tsx';
import { Schedules } from './schedules.tsx';
import { Workers } from './workers.tsx';

export function JobsPage() {
  const { job } = useAddress().params;
  return (
    <>
      <div class="page-tools">
        <LookAs why="which may see items, and retry, pause and cancel its jobs" />
      </div>
      <div class="panels">
        {job !== undefined && <JobDetail key={job} id={job} />}
        <Jobs selected={job} />
        <Queue />
        <Workers />
        <Schedules />
      </div>
    </>
  );
}
