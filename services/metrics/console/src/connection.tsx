import { useEffect, useState } from 'preact/hooks';
import type { ConnectionState } from './live/connection-state.ts';
import { clock } from './quantities.tsx';

/** Renders again each second while `on`, for what counts time. */
export function useSeconds(on: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!on) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}

/** Whether the figures are live, and from when they are. */
export function Connection({ state, at }: { state: ConnectionState; at: number | null }) {
  if (state.is === 'asking') return <p class="connection" />;
  const word = { connecting: 'Connecting', live: 'Live', waiting: 'Disconnected' }[state.is];
  return (
    <p class={`connection ${state.is}`}>
      <i aria-hidden="true" /> {word}
      {at !== null && <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>}
    </p>
  );
}
