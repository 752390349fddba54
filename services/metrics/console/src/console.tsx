import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { HealthAnswer } from '../../src/health/answer.ts';
import { Connection } from './connection.tsx';
import { Headline } from './headline.tsx';
import type { ConnectionState } from './live/connection-state.ts';
import { createFollower, type Follower } from './live/follow.ts';
import { createSeriesWindow } from './live/series-window.ts';
import { loadToken } from './live/token.ts';
import { PANELS } from './panels/panels.ts';
import { Status } from './status.tsx';
import { TokenForm } from './token-form.tsx';

const WORDS = { ok: 'All is well', degraded: 'Degraded', down: 'Down' } as const;

export function Console() {
  const [state, setState] = useState<ConnectionState>({ is: 'asking', refusal: null });
  const [health, setHealth] = useState<HealthAnswer | null>(null);
  const recent = useMemo(createSeriesWindow, []);
  const follower = useRef<Follower | null>(null);

  useEffect(() => {
    const created = createFollower({
      state: setState,
      history: (answer) => recent.load(answer),
      health(answer) {
        recent.push(answer.at, answer.samples);
        setHealth(answer);
      },
    });
    follower.current = created;
    const fromAddress = () => {
      const token = loadToken();
      if (token && token !== created.token()) created.use(token);
    };
    fromAddress();
    addEventListener('hashchange', fromAddress);
    return () => removeEventListener('hashchange', fromAddress);
  }, [recent]);

  useEffect(() => {
    document.title = health && state.is === 'live' ? `${WORDS[health.status]} · Tidemark` : 'Tidemark console';
  }, [health, state]);

  const asking = state.is === 'asking';
  const token = follower.current?.token() ?? '';
  return (
    <>
      <header class="top">
        <h1>
          <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
            <path d="M1 10q2.3-3 4.7 0t4.6 0 4.7 0M1 6q2.3-3 4.7 0t4.6 0 4.7 0" />
          </svg>
          Tidemark
        </h1>
        {!asking && health && (
          <p class={`pill ${state.is === 'live' ? health.status : 'unknown'}`} role="status">
            {state.is === 'live' ? WORDS[health.status] : 'Unknown'}
          </p>
        )}
        <Connection state={state} at={health?.at ?? null} />
      </header>
      {asking && <TokenForm refusal={state.refusal} use={(given) => follower.current?.use(given)} />}
      {!asking && (
        <main class={state.is === 'live' ? '' : 'stale'}>
          <Status state={state} health={health} retry={() => follower.current?.retry()} />
          {health && <Headline view={{ health, recent, token }} />}
          {health && (
            <div class="panels">
              {PANELS.map((Show, index) => (
                <Show key={index} view={{ health, recent, token }} />
              ))}
            </div>
          )}
          <footer>
            Updated each second; the charts show the last five minutes.
            <button type="button" onClick={() => follower.current?.forget()}>
              Forget the token
            </button>
          </footer>
        </main>
      )}
    </>
  );
}
