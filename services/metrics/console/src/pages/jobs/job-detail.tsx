import { useEyes } from '../../eyes/eyes.tsx';
import { Facts } from '../../parts/facts.tsx';
import { Figure, Figures, Meter } from '../../parts/figures.tsx';
import { Empty, Loaded, Panel } from '../../parts/panel.tsx';
import { Controls } from './controls.tsx';
import { Failures } from './failures.tsx';
import { Items } from './items.tsx';
import { JOB_COLUMNS, type JobRow, rateOf, remainingMs, useRows } from './job.ts';

const timeOf = (text: string | null) => text && new Date(text).toLocaleString('en-GB');

export function JobDetail({ id }: { id: string }) {
  const eyes = useEyes();
  const answer = useRows<JobRow>(eyes, `jobs?select=${JOB_COLUMNS}&id=eq.${encodeURIComponent(id)}`, 1_000);
  return (
    <Panel id="job" title={`Job ${id}`} wide from={answer}>
      <Loaded from={answer}>
        {([job]) =>
          job ? (
            <>
              <Figures>
                <Figure
                  name="Ended"
                  value={job.done + job.failed}
                  unit="count"
                  of={`/ ${job.total.toLocaleString('en')}`}
                />
                <Figure name="Failed" value={job.failed} unit="count" tone={job.failed > 0 ? 'bad' : undefined} />
                <Figure name="Rate" value={rateOf(job)} unit="perSecond" />
                <Figure name="Left" value={remainingMs(job)} unit="ms" />
              </Figures>
              <Meter
                share={job.total > 0 ? (job.done + job.failed) / job.total : 0}
                label="Progress"
                tone={job.failed > 0 ? 'warn' : 'good'}
              />
              <Facts
                facts={[
                  ['Kind', job.kind],
                  ['State', job.state.replace('_', ' ')],
                  ['Priority', job.priority],
                  ['Tenant', job.tenant],
                  ['Waits for', job.waits_for],
                  ['Created', timeOf(job.created_at)],
                  ['Started', timeOf(job.started_at)],
                  ['Ended', timeOf(job.finished_at)],
                  ['Deadline', timeOf(job.deadline)],
                ]}
              />
              <Controls job={job} changed={answer.refresh} />
              {job.failed > 0 && <Failures job={job} changed={answer.refresh} />}
              <Items job={job} />
            </>
          ) : (
            <Empty>{eyes.user ?? eyes.role} sees no job with this id.</Empty>
          )
        }
      </Loaded>
    </Panel>
  );
}
