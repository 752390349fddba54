import { session, useConnection, useTopic } from '../live/session.ts';
import { useNow } from '../parts/use-now.ts';
import { format, formatTime } from '../quantities.tsx';

/** Says that the connection is lost, and that the figures are those of before. */
export function Lost() {
  const state = useConnection();
  const at = useTopic('status')?.value.at;
  const lost = state.is === 'waiting' || (state.is === 'connecting' && state.lostSince !== null);
  const now = useNow(lost, 500);
  if (!lost || state.lostSince === null) return null;
  return (
    <div class="lost" role="alert">
      <p>
        <strong>The connection to the metrics service is lost</strong>
        {state.reason && `: ${state.reason}`}.{at !== undefined && ` The figures below are from ${formatTime(at)}.`}
      </p>
      <p class="hint">
        <span aria-hidden="true">
          {`Silent for ${format(Math.max(0, now - state.lostSince), 'ms')}. `}
          {state.is === 'waiting'
            ? `Trying again in ${Math.max(0, Math.round((state.retryAt - now) / 1_000))} s.`
            : 'Trying now …'}
        </span>{' '}
        {state.is === 'waiting' && (
          <button type="button" onClick={() => session.retry()}>
            Try now
          </button>
        )}
      </p>
    </div>
  );
}

const MAX_NAMED = 3;

/** Says which figures of the metrics service itself are missing; those with one reason share a line. */
export function Failing() {
  const failing = useTopic('status')?.value.failing ?? [];
  if (failing.length === 0) return null;
  const reasons = [...new Set(failing.map(({ error }) => error))].slice(0, MAX_NAMED);
  return (
    <div class="lost missing">
      {reasons.map((reason) => {
        const same = failing.filter(({ error }) => error === reason);
        const names = same.slice(0, MAX_NAMED).map(({ name }) => name);
        const more = same.length > MAX_NAMED ? ` and ${same.length - MAX_NAMED} more` : '';
        const times = same.flatMap(({ collectedAt }) => collectedAt ?? []);
        return (
          <p key={reason}>
            <strong>
              No new figures of {names.join(', ')}
              {more}
            </strong>
            {times.length > 0 && ` since ${formatTime(Math.min(...times))}`}: {reason}
          </p>
        );
      })}
    </div>
  );
}
