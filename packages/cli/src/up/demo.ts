/** The blueprints that `up` loads, and the schemas that its services expose because of them. */
import {
  blueprints,
  loadBlueprint,
  loadDemoImages,
  loadDrawnImages,
  loadedBlueprints,
  loadLargeData,
} from '@tidemark/blueprints';
import { openDatabase } from '@tidemark/db';
import { fileStoreOptions, openFileStore } from '@tidemark/files';
import type { UpEvents } from './events.ts';
import { progressRow } from './progress-row.ts';
import type { UpSettings } from './settings.ts';

/** Your own Postgres gets only the small one, which is in \`public\`; \`blueprint load\` brings the others. */
const wantedBlueprints = ({ databaseUrl }: Pick<UpSettings, 'databaseUrl'>) =>
  blueprints.map(({ name }) => name).filter((name) => !databaseUrl || name === 'matches');

/** Returns whether it wrote files. */
export async function loadDemo(settings: UpSettings, primaryUrl: string, events: UpEvents): Promise<boolean> {
  const loaded: string[] = [];
  for (const name of wantedBlueprints(settings)) if (await loadBlueprint(primaryUrl, name)) loaded.push(name);
  if (loaded.length > 0) events.progress(`loaded with demo data: ${loaded.join(', ')}`);
  const db = await openDatabase({ primaryUrl, applicationName: 'tidemark up' });
  const store = await openFileStore(fileStoreOptions(settings.files));
  try {
    const made = await loadDemoImages(db, store);
    const drawn = await loadDrawnImages(db, store, await loadedBlueprints(primaryUrl));
    const all = [...drawn.values()].reduce((sum, count) => sum + count, made);
    if (all > 0) events.progress(`made ${all} demo images`);
    return all > 0;
  } finally {
    store.close();
    await db.close();
  }
}

/** The services expose the schemas of all blueprints that are in the database, unless the environment names schemas. */
export async function schemasOfBlueprints(
  env: NodeJS.ProcessEnv,
  primaryUrl: string,
): Promise<{ DB_SCHEMAS?: string }> {
  if (env.DB_SCHEMAS || env.PGRST_DB_SCHEMAS || env.PGRST_DB_SCHEMA) return {};
  const loaded = await loadedBlueprints(primaryUrl);
  const own = blueprints.filter(({ name, schema }) => loaded.includes(name) && schema !== 'public');
  return { DB_SCHEMAS: ['public', 'tidemark', ...own.map(({ schema }) => schema)].join() };
}

/** Runs beside the services; the next start goes on where \`stop\` ended it. */
export function loadLargeDemo(primaryUrl: string, scale: number, events: UpEvents): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const load = async () => {
    for (const { name, large } of blueprints) {
      if (!large || signal.aborted) continue;
      let shown = 0;
      const row = await progressRow(primaryUrl, `load ${name}`, `rows of ${large.table}`);
      const rows = await loadLargeData(primaryUrl, name, {
        signal,
        rows: Math.round(large.rows * scale),
        progress: (there, of) => {
          row.set(there, of);
          const quarter = Math.floor((4 * there) / of);
          if (quarter > shown && quarter < 4) events.progress(`${large.table}: ${there} of ${of} rows`);
          shown = quarter;
        },
      });
      await row.ended(!signal.aborted);
      if (rows > 0 && !signal.aborted) events.progress(`${large.table}: ${rows} rows`);
    }
  };
  const ended = load().catch((error: Error) => {
    if (!signal.aborted) events.progress(`the large demo data could not be loaded: ${error.message}`);
  });
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
