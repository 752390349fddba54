import { useState } from 'preact/hooks';
import { PERFORMANCE_API, reasonOf, request } from '../../live/api.ts';
import { session } from '../../live/session.ts';
import { useAction } from '../../parts/post.ts';
import { format } from '../../quantities.tsx';

const PROFILES = [
  ['cpu', 10, 'CPU profile, 10 s'],
  ['cpu', 30, 'CPU profile, 30 s'],
  ['heap', 10, 'Heap sample, 10 s'],
] as const;

/** Profiles are files for the developer tools of Chrome. */
export function Profiles({ instance }: { instance: string }) {
  const [running, setRunning] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [freed, setFreed] = useState<string>();
  const collect = useAction();

  async function profile(what: string, seconds: number, title: string): Promise<void> {
    setRunning(title);
    setProblem(undefined);
    try {
      const query = new URLSearchParams({ instance, what, seconds: String(seconds) });
      const response = await request(`${PERFORMANCE_API}profile?${query}`, { token: session.token() ?? '' });
      save(await response.blob(), `${instance}.${what}profile`);
    } catch (error) {
      setProblem(reasonOf(error));
    }
    setRunning(undefined);
  }
  const gc = async () => {
    const query = new URLSearchParams({ instance });
    const answer = await collect.run({ path: `gc?${query}`, done: 'Garbage was collected' });
    const [own] = (answer as { instances: { freedBytes: number }[] } | undefined)?.instances ?? [];
    if (own) setFreed(`gave back ${format(own.freedBytes, 'bytes')}`);
  };
  return (
    <div class="controls">
      {PROFILES.map(([what, seconds, title]) => (
        <button
          key={title}
          type="button"
          data-row=""
          disabled={running !== undefined}
          onClick={() => void profile(what, seconds, title)}
        >
          {running === title ? 'Sampling …' : title}
        </button>
      ))}
      <button type="button" disabled={collect.busy} onClick={() => void gc()}>
        Collect garbage
      </button>
      {freed && <span class="hint">{freed}</span>}
      {(problem ?? collect.problem) && <span class="problem">{problem ?? collect.problem}</span>}
    </div>
  );
}

function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
