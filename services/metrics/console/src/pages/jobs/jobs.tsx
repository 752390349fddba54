/** All jobs that the eyes see, the newest first; only the rows in view are in the document. */
import { Link, setParams, useAddress } from '../../address/router.tsx';
import { useEyes } from '../../eyes/eyes.tsx';
import { usePaused, useTopic } from '../../live/session.ts';
import { Figure, Figures, Meter } from '../../parts/figures.tsx';
import { useHeldOrder } from '../../parts/held-order.ts';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { VirtualRows } from '../../parts/virtual-rows.tsx';
import { format } from '../../quantities.tsx';
import { JOB_COLUMNS, type JobRow, rateOf, remainingMs, UNFINISHED, useRows } from './job.ts';

/** The newest; filters reach the older ones. */
const MAX_JOBS = 2_000;
const STATES = ['all', 'unfinished', 'failed', 'partly_failed', 'succeeded', 'cancelled'] as const;

function queryOf(state: string, kind: string | undefined): string {
  const of = state === 'unfinished' ? `&state=in.(${UNFINISHED.join()})` : state === 'all' ? '' : `&state=eq.${state}`;
  const like = kind ? `&kind=ilike.${encodeURIComponent(`*${kind}*`)}` : '';
  return `jobs?select=${JOB_COLUMNS}${of}${like}&order=created_at.desc&limit=${MAX_JOBS}`;
}

export function Jobs({ selected }: { selected: string | undefined }) {
  const { params } = useAddress();
  const eyes = useEyes();
  const state = params.state ?? 'all';
  const answer = useRows<JobRow>(eyes, queryOf(state, params.kind), 2_000);
  const counts = useTopic('jobs')?.value.counts;
  const controls = (
    <span class="controls">
      <input
        type="search"
        aria-label="Filter by kind"
        placeholder="kind"
        value={params.kind ?? ''}
        onChange={(event) => setParams({ kind: event.currentTarget.value }, { replace: true })}
      />
      <select
        aria-label="State"
        value={state}
        onChange={(event) => setParams({ state: event.currentTarget.value }, { replace: true })}
      >
        {STATES.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </span>
  );
  return (
    <Panel id="jobs" title="Jobs" wide from={{ ...answer, maxMs: 60_000 }} note={controls}>
      <Figures>
        <Figure name="Running" value={counts?.running} unit="count" />
        <Figure name="Queued" value={counts?.queued} unit="count" />
        <Figure name="Ended in 1 h" value={counts?.finishedLastHour} unit="count" />
        <Figure
          name="Failed in 1 h"
          value={counts?.failedLastHour}
          unit="count"
          tone={(counts?.failedLastHour ?? 0) > 0 ? 'bad' : undefined}
        />
      </Figures>
      <Loaded from={answer}>
        {(jobs) =>
          jobs.length === 0 ? (
            <Empty>
              {eyes.user ?? eyes.role} sees no job{state === 'all' && !params.kind ? '' : ' that fits the filter'}.
              Start one with <code>POST /api/v1/jobs</code>, or insert into <code>tidemark.jobs</code>.
            </Empty>
          ) : (
            <>
              <JobList jobs={jobs} selected={selected} />
              {jobs.length === MAX_JOBS && (
                <p class="hint">The newest {format(MAX_JOBS, 'count')}: filter for older ones.</p>
              )}
            </>
          )
        }
      </Loaded>
    </Panel>
  );
}

function JobList({ jobs, selected }: { jobs: readonly JobRow[]; selected: string | undefined }) {
  const { rows, handlers } = useHeldOrder(jobs, ({ id }) => id, usePaused());
  return (
    <VirtualRows
      label="Jobs"
      count={rows.length}
      rowHeight={44}
      maxHeight={440}
      keyOf={(index) => rows[index]?.id ?? String(index)}
      row={(index) => <Job job={rows[index] as JobRow} selected={rows[index]?.id === selected} />}
      handlers={handlers}
    />
  );
}

function Job({ job, selected }: { job: JobRow; selected: boolean }) {
  const ended = job.done + job.failed;
  const share = job.total > 0 ? ended / job.total : 0;
  const remaining = remainingMs(job);
  return (
    <div class={selected ? 'job-row selected' : 'job-row'}>
      <span class="job-line">
        <Link page="jobs" params={{ job: job.id }} keep row>
          {job.kind} <code>{job.id.slice(0, 8)}</code>
        </Link>
        <span class={`state ${job.state}`}>{job.state.replace('_', ' ')}</span>
        <span class="unit minor">
          {[
            job.priority !== 'normal' && job.priority,
            job.tenant,
            job.waits_for && `waits for ${job.waits_for}`,
            rateOf(job) !== null && format(rateOf(job), 'perSecond'),
            remaining !== null && remaining > 0 && `${format(remaining, 'ms')} left`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
        <span class="job-count">
          {job.total > 0
            ? `${ended.toLocaleString('en')} / ${job.total.toLocaleString('en')}`
            : job.finished_at === null
              ? 'not planned yet'
              : 'no items'}
          {job.failed > 0 && <span class="bad-text"> {job.failed.toLocaleString('en')} failed</span>}
        </span>
      </span>
      <Meter share={share} label={`Progress of job ${job.id}`} tone={job.failed > 0 ? 'warn' : 'good'} />
    </div>
  );
}
