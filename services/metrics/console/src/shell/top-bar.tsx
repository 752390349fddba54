import { RANGES, rangeOf, rangeParam } from '../address/range.ts';
import { Link, setParams, useAddress } from '../address/router.tsx';
import { togglePause } from '../keys/keys.ts';
import { useConnection, usePaused, useTopic } from '../live/session.ts';
import { useNow } from '../parts/use-now.ts';
import { format } from '../quantities.tsx';
import { Search } from './search.tsx';

export function TopBar() {
  const paused = usePaused();
  return (
    <header class="top">
      <h1>
        <Link page="">
          <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M1 10q2.3-3 4.7 0t4.6 0 4.7 0M1 6q2.3-3 4.7 0t4.6 0 4.7 0" />
          </svg>
          Tidemark
        </Link>
      </h1>
      <StatusPill />
      <Search />
      <div class="tools">
        <RangeChoice />
        <button type="button" class="pause" aria-pressed={paused} onClick={togglePause} title="Space">
          {paused ? '▶ Go on' : '❚❚ Pause'}
        </button>
        <Age />
      </div>
    </header>
  );
}

function StatusPill() {
  const status = useTopic('status')?.value;
  const { is } = useConnection();
  if (is !== 'live' || !status) return <p class="pill unknown">{is === 'waiting' ? 'Unknown' : 'Connecting'}</p>;
  if (status.problems === 0) return <p class="pill ok">All is well</p>;
  return (
    <Link page="" class={`pill ${status.status}`}>
      ▲ {status.problems} {status.problems === 1 ? 'problem' : 'problems'}
      {status.since !== null && `, ${format(Math.max(0, status.at - status.since), 'ms')}`}
    </Link>
  );
}

function RangeChoice() {
  const { params } = useAddress();
  const range = rangeOf(params);
  return (
    <select
      aria-label="Range of the charts"
      value={range.name}
      onChange={(event) => {
        const chosen = RANGES.find(({ name }) => name === event.currentTarget.value);
        if (chosen) setParams({ range: rangeParam(chosen) }, { replace: true });
      }}
    >
      {RANGES.map(({ name }) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** How old the newest figures are. */
function Age() {
  const received = useTopic('status');
  const state = useConnection();
  const now = useNow(received !== undefined, 500);
  const words = { asking: '', connecting: 'connecting', live: '', waiting: 'disconnected' }[state.is];
  const age = received && Math.max(0, now - received.at);
  return (
    <p class={`connection ${state.is}`}>
      <i aria-hidden="true" />
      {words || (age === undefined ? '' : `${(age / 1_000).toFixed(1)} s old`)}
    </p>
  );
}
