import { useEffect, useState } from 'preact/hooks';
import { usePaused } from '../../live/session.ts';
import { followQuery, type LiveRequest, type LiveState } from './live-query.ts';

/** A hidden tab follows nothing after this time, so that a moment elsewhere costs no snapshot. */
const HIDDEN_MS = 30_000;

/** Follows a query while the tab is visible; paused, it shows what it had. Another `attempt` asks again. */
export function useLiveRows(request: (LiveRequest & { attempt: number }) | undefined): LiveState | undefined {
  const [state, setState] = useState<LiveState>();
  const [hidden, setHidden] = useState(document.hidden);
  const paused = usePaused();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const changed = () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => setHidden(true), HIDDEN_MS);
      else setHidden(false);
    };
    document.addEventListener('visibilitychange', changed);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', changed);
    };
  }, []);
  useEffect(() => {
    if (request === undefined || hidden || paused) return;
    return followQuery(request, setState);
  }, [request?.query, request?.schema, request?.token, request?.attempt, hidden, paused]);
  return request === undefined ? undefined : state;
}
