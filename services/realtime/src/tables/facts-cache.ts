/**
 * Caches table facts by role and table for MAX_AGE_MS, so that a thousand subscribers in a second load them once. Facts are never
 * older than the last announced change of the table's definition or of the roles.
 */
import type { Database, Identity } from '@tidemark/db';
import type { AnnouncedDefinitions } from '../definitions/announced-definitions.ts';
import type { TableName } from '../definitions/look.ts';
import { lookAtRights, type RightsLook } from '../definitions/rights-look.ts';
import { RoleRights } from '../definitions/role-rights.ts';
import { errors } from '../errors.ts';
import { CoalescedLoads } from '../limits/coalesced-loads.ts';
import { WaitingRoom } from '../limits/waiting-room.ts';
import { loadTableFacts } from './load-table-facts.ts';
import type { TableFacts } from './table-facts.ts';

export interface FactsCache {
  /** @param holder the identity or address whose share is charged */
  get(identity: Identity, schema: string, table: string, holder: string): Promise<TableFacts>;
  /** Returns facts read at or after this moment (performance.now()), to confirm a refusal that rests on older ones. */
  since(moment: number, identity: Identity, schema: string, table: string, holder: string): Promise<TableFacts>;
  /** Reads the definitions of tables. Undefined where the database does not answer. @param read oids of the tables that policies read */
  look(tables: readonly TableName[], read: readonly number[]): Promise<RightsLook | undefined>;
  /**
   * Returns the current version; for a refusal, its code. Undefined where the database does not answer.
   * @param seen the table's state in an earlier look; the version is not read again where a former look saw the same
   */
  version(identity: Identity, schema: string, table: string, seen?: string): Promise<string | undefined>;
  /** Returns whether the facts have changed, even if they changed back; false where the database does not answer. */
  hasChanged(facts: TableFacts, identity: Identity): Promise<boolean>;
  /** Returns whether a change was announced after the facts were read. Call it after the last await before they are used. */
  isOld(facts: TableFacts): boolean;
  /** Returns whether another definition of the table was announced. */
  isRedefined(facts: TableFacts): boolean;
  /** Drops everything, after announcements may have been missed. */
  forget(): void;
}

/** Delay until new subscribers see a change that is not announced, as of a table that the relay does not follow. */
const MAX_AGE_MS = 2_000;
/** Time between two loads for one role and table. */
const PAUSE_MS = 100;
/** Pairs of role and table. */
const MAX_NAMES = 2_000;
/** Loads at a time; each takes some milliseconds of the primary. */
const CONCURRENCY = 4;
const MAX_WAITING = 1_000;
/** Loads of facts that change while they are read. */
const ATTEMPTS = 5;
/** XX000 internal_error: catalog functions raise it where any table is dropped while they read it. */
const CHANGED_MEANWHILE = new Set(['XX000', 'RT_TABLE_CHANGING']);

export interface FactsCacheOptions {
  database: Database;
  publication: string;
  announced: AnnouncedDefinitions;
  sharePercent: number;
}

export function createFactsCache({ database, publication, announced, sharePercent }: FactsCacheOptions): FactsCache {
  const loads = new CoalescedLoads<TableFacts>({ maxAgeMs: MAX_AGE_MS, pauseMs: PAUSE_MS, maxNames: MAX_NAMES });
  const room = new WaitingRoom({ concurrency: CONCURRENCY, maxWaiting: MAX_WAITING, sharePercent });
  const roleRights = new RoleRights();
  /** The version of facts that were read behind a look, and what it saw. */
  const looked = new Map<string, { seen: string; version: string }>();
  let generation = 0;
  const generations = new WeakMap<TableFacts, number>();
  const nameOf = ({ role }: Identity, schema: string, table: string) => JSON.stringify([role, schema, table]);

  /** Loads without the claims: rights depend on the role alone. */
  async function loadAnew({ role }: Identity, schema: string, table: string, attempt = 1): Promise<TableFacts> {
    const now = generation;
    try {
      const facts = await loadTableFacts(database, { role, claims: '{}' }, publication, schema, table, roleRights);
      generations.set(facts, now);
      return facts;
    } catch (error) {
      if (!CHANGED_MEANWHILE.has((error as { code?: string }).code ?? '') || attempt === ATTEMPTS) throw error;
      return loadAnew({ role, claims: '{}' }, schema, table, attempt + 1);
    }
  }

  /** The load rejects with RT_FACTS_BUSY, for all that share it, where its holder has too many loads waiting. */
  function loadFor(holder: string, identity: Identity, schema: string, table: string): () => Promise<TableFacts> {
    return async () => {
      const refusal = room.refuses(holder);
      if (refusal) throw errors.FACTS_BUSY({ limit: refusal.limit, where: refusal.where });
      return room.run(holder, () => loadAnew(identity, schema, table));
    };
  }

  const isOld = (facts: TableFacts) =>
    generations.get(facts) !== generation || announced.isTableOld(facts) || announced.areRolesOld(facts);

  async function since(
    moment: number,
    identity: Identity,
    schema: string,
    table: string,
    holder: string,
  ): Promise<TableFacts> {
    let from = moment;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const facts = await loads.since(from, nameOf(identity, schema, table), loadFor(holder, identity, schema, table));
      if (!isOld(facts)) return facts;
      from = performance.now();
    }
    throw errors.TABLE_CHANGING({ table });
  }

  return {
    since,
    isOld,
    isRedefined: (facts) => announced.isTableOld(facts),
    forget() {
      generation += 1;
      announced.clear();
      roleRights.clear();
      looked.clear();
    },
    async get(identity, schema, table, holder) {
      const began = performance.now();
      const facts = await loads.get(nameOf(identity, schema, table), loadFor(holder, identity, schema, table));
      return isOld(facts) ? since(began, identity, schema, table, holder) : facts;
    },
    async hasChanged({ schema, table, version, trace }, identity) {
      const moment = performance.now();
      const load = () => loadAnew(identity, schema, table);
      return loads.since(moment, nameOf(identity, schema, table), load).then(
        (now) => now.version !== version || now.trace !== trace,
        (error) => refusalOf(error) !== undefined,
      );
    },
    look: (tables, read) => lookAtRights(database.pools.write, publication, tables, read).catch(() => undefined),
    async version(identity, schema, table, seen) {
      const name = nameOf(identity, schema, table);
      const known = looked.get(name);
      if (known && known.seen === seen) return known.version;
      looked.delete(name);
      const moment = performance.now();
      const version = await loads
        .since(moment, name, () => loadAnew(identity, schema, table))
        .then((facts) => facts.version, refusalOf);
      if (seen !== undefined && version !== undefined) {
        if (looked.size >= MAX_NAMES) looked.delete(looked.keys().next().value as string);
        looked.set(name, { seen, version });
      }
      return version;
    },
  };
}

/** Undefined where the database could not say. */
function refusalOf(error: { code?: string }): string | undefined {
  const { code } = error;
  return code === '42501' || (code?.startsWith('RT_') && code !== 'RT_TABLE_CHANGING') ? code : undefined;
}
