import { Figure, Figures, Meter } from '../parts/figures.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { format } from '../quantities.tsx';
import type { View } from '../view.ts';

type Job = View['health']['activeJobs'][number];

export function Jobs({ view }: { view: View }) {
  const { jobs, activeJobs, at } = view.health;
  return (
    <Panel id="jobs" title="Jobs">
      <Figures>
        <Figure name="Running" value={jobs.running} unit="count" />
        <Figure name="Queued" value={jobs.queued} unit="count" />
        <Figure name="Ended in 1 h" value={jobs.finishedLastHour} unit="count" />
        <Figure
          name="Failed in 1 h"
          value={jobs.failedLastHour}
          unit="count"
          tone={(jobs.failedLastHour ?? 0) > 0 ? 'bad' : undefined}
        />
      </Figures>
      {activeJobs.length === 0 ? (
        <Empty>
          No job is queued or running. Start one with <code>POST /api/v1/jobs</code>, or insert into{' '}
          <code>tidemark.jobs</code>.
        </Empty>
      ) : (
        <ul class="jobs">
          {activeJobs.map((job) => (
            <JobProgress key={job.id} job={job} now={at} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function JobProgress({ job, now }: { job: Job; now: number }) {
  const ended = job.done + job.failed;
  const share = job.total > 0 ? ended / job.total : 0;
  const since = now - (job.startedAt ?? job.createdAt);
  return (
    <li>
      <div class="job-line">
        <span>
          {job.kind} <code title={job.id}>{job.id.slice(0, 8)}</code>
        </span>
        <span class="unit">
          {job.state}
          {job.priority !== 'normal' && `, ${job.priority} priority`} · {format(Math.max(0, since), 'ms')}
        </span>
        <span class="job-count">
          {job.total > 0 ? `${ended.toLocaleString('en')} / ${job.total.toLocaleString('en')}` : 'not planned yet'}
          {job.failed > 0 && <span class="bad-text"> {job.failed.toLocaleString('en')} failed</span>}
        </span>
      </div>
      <Meter share={share} label={`Progress of job ${job.id}`} tone={job.failed > 0 ? 'warn' : 'good'} />
    </li>
  );
}
