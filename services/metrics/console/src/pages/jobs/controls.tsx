import { useEyes } from '../../eyes/eyes.tsx';
import { GATEWAY } from '../../live/api.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { useAction } from '../../parts/post.ts';
import type { JobRow } from './job.ts';

/** The states from which the functions of the database lead on (`tidemark.pause_job` and the others). */
const ACTIONS = [
  ['pause', ['queued', 'planning', 'running']],
  ['resume', ['paused']],
  ['retry', ['failed', 'partly_failed']],
  ['cancel', ['queued', 'planning', 'running', 'paused']],
] as const;

/** The roles that may execute these functions; the policies of `tidemark.jobs` decide about the job. */
const ROLES = ['authenticated', 'service_role'];
export const mayChangeJobs = (role: string): boolean => ROLES.includes(role);

export function Controls({ job, changed }: { job: JobRow; changed: () => void }) {
  const eyes = useEyes();
  const action = useAction();
  const possible = ACTIONS.filter(([, states]) => (states as readonly string[]).includes(job.state));
  if (possible.length === 0) return null;
  if (!mayChangeJobs(eyes.role)) {
    return (
      <p class="hint">
        The role {eyes.role} may not {possible.map(([name]) => name).join(' or ')} jobs. Look as their owner, or as the
        service, to do so.
      </p>
    );
  }
  const act = async (name: string) => {
    const call = {
      path: `${GATEWAY}api/v1/jobs/${job.id}/${name}`,
      token: eyes.token,
      done: `Asked to ${name} the job`,
    };
    if ((await action.run(call)) !== undefined) changed();
  };
  return (
    <div class="controls">
      {possible.map(([name]) =>
        name === 'cancel' ? (
          <Confirm key={name} label="Cancel" sure="Cancel for good" disabled={action.busy} act={() => void act(name)} />
        ) : (
          <button
            key={name}
            type="button"
            class="small"
            data-row=""
            disabled={action.busy}
            onClick={() => void act(name)}
          >
            {name === 'retry'
              ? `Retry ${job.failed.toLocaleString('en')} failed`
              : name.charAt(0).toUpperCase() + name.slice(1)}
          </button>
        ),
      )}
      {action.problem && <span class="problem">{action.problem}</span>}
    </div>
  );
}
