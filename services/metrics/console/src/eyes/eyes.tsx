/** Looking as somebody else: requests to the gateway carry another token, and Postgres decides what its role may see. */
import { useEffect, useState } from 'preact/hooks';
import { session } from '../live/session.ts';

export interface Eyes {
  token: string;
  role: string;
  /** The claim `sub`. */
  user: string | null;
}

let borrowed: string | null = null;
const listeners = new Set<() => void>();

/** It is kept in the memory of this page alone. */
function lookAs(token: string | null): void {
  borrowed = token;
  for (const listener of listeners) listener();
}

/** Returns what the token says of itself; the services verify it. */
function readClaims(token: string): { role: string; user: string | null } | undefined {
  try {
    const part = token.split('.')[1] as string;
    const text = new TextDecoder().decode(
      Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0)),
    );
    const { role, sub } = JSON.parse(text) as { role?: unknown; sub?: unknown };
    return { role: typeof role === 'string' ? role : 'unknown', user: typeof sub === 'string' ? sub : null };
  } catch {
    return undefined;
  }
}

function eyesNow(): Eyes {
  const token = borrowed ?? session.token() ?? '';
  return { token, ...(readClaims(token) ?? { role: 'unknown', user: null }) };
}

export function useEyes(): Eyes {
  const [eyes, setEyes] = useState(eyesNow);
  useEffect(() => {
    const changed = () => setEyes(eyesNow());
    listeners.add(changed);
    changed();
    return () => void listeners.delete(changed);
  }, []);
  return eyes;
}

/** @param why what another token would show */
export function LookAs({ why }: { why: string }) {
  const { role, user } = useEyes();
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const [wrong, setWrong] = useState(false);
  const name = user === null ? role : `${user} (${role})`;
  if (!open) {
    return (
      <span class="look-as">
        Looking as <b>{name}</b>{' '}
        {borrowed === null ? (
          <button type="button" class="small" onClick={() => setOpen(true)}>
            Look as …
          </button>
        ) : (
          <button type="button" class="small" onClick={() => lookAs(null)}>
            Look as yourself
          </button>
        )}
      </span>
    );
  }
  return (
    <form
      class="look-as"
      onSubmit={(event) => {
        event.preventDefault();
        const token = text.trim();
        if (readClaims(token) === undefined) return setWrong(true);
        lookAs(token);
        setText('');
        setOpen(false);
        setWrong(false);
      }}
    >
      <label>
        Token of another role, {why}:{' '}
        <input
          type="password"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="small">
        Look
      </button>
      <button type="button" class="small" onClick={() => setOpen(false)}>
        Cancel
      </button>
      {wrong && <span class="problem">This is not a JWT.</span>}
    </form>
  );
}
