/** The row of `tidemark.progress` that shows how far a story is, to every console and live query. */
import type { Claim } from './claim.ts';
import { rowsOf, type Stage } from './stage.ts';

export interface Progress {
  ended(state: 'succeeded' | 'failed', claims: readonly Claim[]): Promise<void>;
}

/** Changes between two updates of the row are left out. */
const UPDATE_MS = 500;

export async function keepProgress(stage: Stage, title: string): Promise<Progress> {
  const client = await stage.client('play', { role: 'service_role', schema: 'tidemark' });
  const [row] = await rowsOf<{ id: string }>(client.from('progress').insert({ title }).select('id'));
  const set = (values: object) => rowsOf(client.from('progress').update(values).eq('id', row?.id));
  let shown = '';
  let failure: Error | undefined;
  let updating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    const { step, done, total } = stage;
    const now = JSON.stringify({ step, done, total });
    if (now === shown) return;
    shown = now;
    updating = updating
      .then(() => set({ step, done, total }))
      .then(
        () => undefined,
        (error: Error) => {
          failure = error;
        },
      );
  }, UPDATE_MS);
  return {
    async ended(state, claims) {
      clearInterval(timer);
      await updating;
      if (failure) throw failure;
      const { step, done, total } = stage;
      await set({ step, done, total, state, details: { claims }, finished_at: new Date().toISOString() });
    },
  };
}
