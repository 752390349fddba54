import { openDatabase } from '@tidemark/db';
import { loadCatalog } from '@tidemark/plan';
import { errors } from '../errors.ts';
import { renderTypes } from './render.ts';
import { loadOwnTypes, loadResultColumns } from './type-names.ts';

/** The role of `url` needs no more rights than to connect. */
export async function generateTypes(url: string, schemas: readonly string[]): Promise<string> {
  const database = await openDatabase({
    primaryUrl: url,
    replicaUrls: [],
    applicationName: 'tidemark/types',
  });
  try {
    const pool = database.pools.admin;
    const [catalog, own, resultColumns] = await Promise.all([
      loadCatalog(pool, schemas),
      loadOwnTypes(pool),
      loadResultColumns(pool, schemas),
    ]);
    const rows = await pool.query<{ name: string }>(`select nspname as name from pg_namespace where nspname !~ '^pg_'`);
    for (const schema of schemas) {
      if (!rows.some(({ name }) => name === schema)) {
        throw errors.SCHEMA_UNKNOWN({ schema, schemas: rows.map(({ name }) => name).join(', ') });
      }
    }
    return renderTypes({ catalog, own, resultColumns });
  } finally {
    await database.close();
  }
}
