/** Facts by role and table, for a few seconds: a thousand subscribers in a second are one question. */
import type { Database, Identity } from '@tidemark/db';
import { loadTableFacts, type TableFacts } from './table-facts.ts';

export interface FactsCache {
  get(identity: Identity, schema: string, table: string): Promise<TableFacts>;
  /** As it is now; a refusal counts as a version of its own. Undefined where the database cannot say. Leaves the cache fresh. */
  version(identity: Identity, schema: string, table: string): Promise<string | undefined>;
}

/** A revoked right counts for new subscribers after at most this. */
const MAX_AGE_MS = 2_000;
/** Roles × tables in use; the oldest goes first. */
const MAX_ENTRIES = 1_000;

export function createFactsCache(database: Database, publication: string): FactsCache {
  const entries = new Map<string, { at: number; facts: Promise<TableFacts> }>();

  function load(identity: Identity, schema: string, table: string): Promise<TableFacts> {
    const key = JSON.stringify([identity.role, schema, table]);
    // Rights go by the role alone; claims matter when the policies run.
    const facts = loadTableFacts(database, { role: identity.role, claims: '{}' }, publication, schema, table);
    entries.delete(key);
    if (entries.size >= MAX_ENTRIES) entries.delete(entries.keys().next().value as string);
    entries.set(key, { at: Date.now(), facts });
    facts.catch(() => entries.delete(key));
    return facts;
  }

  return {
    get(identity, schema, table) {
      const entry = entries.get(JSON.stringify([identity.role, schema, table]));
      return entry && Date.now() - entry.at < MAX_AGE_MS ? entry.facts : load(identity, schema, table);
    },
    async version(identity, schema, table) {
      try {
        return (await load(identity, schema, table)).version;
      } catch (error) {
        const { code } = error as { code?: string };
        const isRefusal = code !== undefined && (code === '42501' || code.startsWith('RT_'));
        return isRefusal ? code : undefined;
      }
    },
  };
}
