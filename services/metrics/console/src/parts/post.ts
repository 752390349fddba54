/** Changes that a person asks for by a button: one at a time, with what came of it. */
import { useState } from 'preact/hooks';
import { PERFORMANCE_API, reasonOf, request } from '../live/api.ts';
import { session } from '../live/session.ts';
import { announce } from './announce.tsx';

export interface Action {
  busy: boolean;
  problem: string | undefined;
  run(call: {
    path: string;
    method?: 'POST' | 'DELETE';
    body?: unknown;
    token?: string;
    done: string;
  }): Promise<unknown>;
}

export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; problem: string | undefined }>({
    busy: false,
    problem: undefined,
  });
  return {
    ...state,
    async run({ path, method = 'POST', body, token = session.token() ?? '', done }) {
      setState({ busy: true, problem: undefined });
      try {
        const response = await request(new URL(path, PERFORMANCE_API).href, { token, method, body });
        const text = await response.text();
        setState({ busy: false, problem: undefined });
        announce(done);
        return text === '' ? null : JSON.parse(text);
      } catch (error) {
        setState({ busy: false, problem: reasonOf(error) });
        return undefined;
      }
    },
  };
}
