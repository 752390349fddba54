import { useEyes } from '../../eyes/eyes.tsx';
import { GATEWAY } from '../../live/api.ts';
import { useAnswer } from '../../live/use-answer.ts';
import { Loaded } from '../../parts/panel.tsx';
import { useAction } from '../../parts/post.ts';
import { mayChangeJobs } from './controls.tsx';
import type { JobRow } from './job.ts';

interface Group {
  code: string | null;
  count: number;
  first: number;
  last: number;
  sample: { index: number; input: unknown; message: string | null; hint: string | null };
}

const ENDED = ['failed', 'partly_failed'];

/** Failures by their code; a group can be run again by itself once the job has ended. */
export function Failures({ job, changed }: { job: JobRow; changed: () => void }) {
  const eyes = useEyes();
  const action = useAction();
  const answer = useAnswer<Group[]>(
    mayChangeJobs(eyes.role) ? `${GATEWAY}api/v1/jobs/${job.id}/failures?group=code` : undefined,
    { token: eyes.token },
  );
  if (!mayChangeJobs(eyes.role)) return <p class="hint">The role {eyes.role} may not read the items of jobs.</p>;
  const retry = async (code: string | null) => {
    const query = code === null ? '' : `?${new URLSearchParams({ code })}`;
    const path = `${GATEWAY}api/v1/jobs/${job.id}/retry${query}`;
    if ((await action.run({ path, token: eyes.token, done: 'The group runs again' })) !== undefined) changed();
    answer.refresh();
  };
  return (
    <section aria-label="Failures by error">
      <h3>Failures by error</h3>
      {(action.problem ?? answer.problem) && <p class="problem">{action.problem ?? answer.problem}</p>}
      <Loaded from={answer}>
        {(groups) => (
          <ul class="advice">
            {groups.map((group) => (
              <li key={group.code}>
                <p>
                  <b>{group.count.toLocaleString('en')}</b> × <code>{group.code ?? 'no code'}</code>{' '}
                  {group.sample.message}
                </p>
                <p class="hint">
                  {group.sample.hint} Items {group.first} to {group.last}, such as{' '}
                  <code>{JSON.stringify(group.sample.input)}</code>
                </p>
                {ENDED.includes(job.state) && (
                  <button
                    type="button"
                    class="small"
                    data-row=""
                    disabled={action.busy}
                    onClick={() => void retry(group.code)}
                  >
                    Retry group
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}
