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

/** Says which figures of the metrics service itself are missing. */
export function Failing() {
  const failing = useTopic('status')?.value.failing ?? [];
  if (failing.length === 0) return null;
  return (
    <div class="lost missing">
      {failing.map(({ name, error, collectedAt }) => (
        <p key={name}>
          <strong>No new figures of {name}</strong>
          {collectedAt !== null && ` since ${formatTime(collectedAt)}`}: {error}
        </p>
      ))}
    </div>
  );
}
