/** The row of `tidemark.progress` that shows how far a story is, to every console and live query. */
import type { Claim } from './claim.ts';
import { rowsOf, type Stage } from './stage.ts';

export interface Progress {
  ended(state: 'succeeded' | 'failed', claims: readonly Claim[]): Promise<void>;
}

/** Changes between two updates of the row are left out. */
const UPDATE_MS = 500;

/** A load that has not moved for this long has ended without saying so. */
const STALE_MS = 60_000;

/** Waits for the large data that `npm start` loads beside the services, which would be measured as well. */
export async function untilLoaded(stage: Stage): Promise<void> {
  const client = await stage.client('play', { role: 'service_role', schema: 'tidemark' });
  let isTold = false;
  for (;;) {
    const since = new Date(Date.now() - STALE_MS).toISOString();
    const query = client.from('progress').select('step,done,total').eq('state', 'running').like('title', 'load %');
    const [load] = await rowsOf<{ step: string; done: number; total: number }>(query.gte('updated_at', since).limit(1));
    if (!load) return;
    if (!isTold) stage.say('waits until the large data is loaded');
    isTold = true;
    stage.draw(load.step, load.done, load.total);
    await new Promise((resolve) => setTimeout(resolve, UPDATE_MS));
  }
}

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
