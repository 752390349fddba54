import { useEffect, useState } from 'preact/hooks';
import type { ConnectionState } from './live/connection-state.ts';
import { formatTime } from './quantities.tsx';

/** Returns the current time in ms, and renders again twice a second while `on`. */
export function useCurrentTime(on: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!on) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}

export function Connection({ state, at }: { state: ConnectionState; at: number | null }) {
  if (state.is === 'asking') return <p class="connection" />;
  const word = { connecting: 'Connecting', live: 'Live', waiting: 'Disconnected' }[state.is];
  return (
    <p class={`connection ${state.is}`}>
      <i aria-hidden="true" /> {word}
      {at !== null && <time dateTime={new Date(at).toISOString()}>{formatTime(at)}</time>}
    </p>
  );
}
