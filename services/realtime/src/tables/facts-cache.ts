/**
 * Lets a thousand subscribers in a second load the facts once. Facts are never older than the last announced change
 * of the table's definition or of the roles.
 */
import type { Database, Identity } from '@tidemark/db';
import { LRUCache } from 'lru-cache';
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
  get(identity: Identity, schema: string, table: string, holder: string): Promise<TableFacts>;
  /** Returns facts that were read at or after this moment (performance.now()), to confirm a refusal that older ones cause. */
  since(moment: number, identity: Identity, schema: string, table: string, holder: string): Promise<TableFacts>;
  /** Undefined where the database does not answer. `read` has the oids of the tables that policies read. */
  look(tables: readonly TableName[], read: readonly number[]): Promise<RightsLook | undefined>;
  /**
   * Returns a refusal's code as its version. Undefined where the database does not answer. The version is not read
   * again where a former look saw the same as `seen`.
   */
  version(identity: Identity, schema: string, table: string, seen?: string): Promise<string | undefined>;
  /**
   * Facts that changed back count as changed. Returns true where the database does not answer: a resync asks again,
   * whereas a refusal from facts that cannot be confirmed would be final.
   */
  hasChanged(facts: TableFacts, identity: Identity): Promise<boolean>;
  /** Call it after the last await before the facts are used. */
  isOld(facts: TableFacts): boolean;
  isRedefined(facts: TableFacts): boolean;
  /** A check of the version finds nothing where the roles got other rights and lost them again before it. */
  haveRolesChangedBack(facts: TableFacts): boolean;
  /** The relay knows the definition; until then, it renders changes by the former one. */
  isAnnounced(facts: TableFacts): boolean;
  /** Call it when changed roles are announced: they may be the former ones again, with plans of the time between. */
  rolesChanged(): void;
  forget(): void;
}

/** Delay until new subscribers see a change that is not announced, as of a table that the relay does not follow. */
const MAX_AGE_MS = 2_000;
const PAUSE_MS = 100;
const MAX_NAMES = 2_000;
const MAX_BYTES = 64 * 1024 ** 2;
/** Loads at a time; each takes some milliseconds of the primary. */
const CONCURRENCY = 4;
const MAX_WAITING = 1_000;
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
  const loads = new CoalescedLoads<TableFacts>({
    maxAgeMs: MAX_AGE_MS,
    pauseMs: PAUSE_MS,
    maxNames: MAX_NAMES,
    maxBytes: MAX_BYTES,
    bytesOf,
  });
  const room = new WaitingRoom({ concurrency: CONCURRENCY, maxWaiting: MAX_WAITING, sharePercent });
  const roleRights = new RoleRights();
  /** The version of facts that were read behind a look, and what it saw. */
  const looked = new LRUCache<string, { seen: string; version: string }>({ max: MAX_NAMES });
  /** Version of all roles with which sessions make their plans. */
  let plannedRoles: string | undefined;
  let generation = 0;
  const generations = new WeakMap<TableFacts, number>();
  const nameOf = ({ role }: Identity, schema: string, table: string) => JSON.stringify([role, schema, table]);

  /** Loads without the claims: rights depend on the role alone. */
  async function loadAnew({ role }: Identity, schema: string, table: string, attempt = 1): Promise<TableFacts> {
    const now = generation;
    try {
      const facts = await loadTableFacts(database, { role, claims: '{}' }, publication, { schema, table }, roleRights);
      generations.set(facts, now);
      if (facts.allRoles === plannedRoles) return facts;
      // Otherwise rows would be read with plans that have the row-level security of the former roles.
      await database.rolesChanged();
      plannedRoles = facts.allRoles;
      if (attempt >= ATTEMPTS) throw errors.TABLE_CHANGING({ table });
    } catch (error) {
      if (!CHANGED_MEANWHILE.has((error as { code?: string }).code ?? '') || attempt >= ATTEMPTS) throw error;
    }
    return loadAnew({ role, claims: '{}' }, schema, table, attempt + 1);
  }

  /** All that share the load get RT_FACTS_BUSY where its holder has too many loads waiting. */
  function loadFor(holder: string, identity: Identity, schema: string, table: string): () => Promise<TableFacts> {
    return async () => {
      const refusal = room.refuses(holder);
      if (refusal) throw errors.FACTS_BUSY({ limit: refusal.limit, where: refusal.where });
      return room.run(holder, () => loadAnew(identity, schema, table));
    };
  }

  const isOld = (facts: TableFacts) => generations.get(facts) !== generation || announced.isOld(facts);

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
    haveRolesChangedBack: (facts) => announced.haveRolesChangedBack(facts),
    isAnnounced: (facts) => facts.isRecorded || announced.isTableKnown(facts),
    rolesChanged() {
      plannedRoles = undefined;
      looked.clear();
    },
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
        () => true,
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
      if (seen !== undefined && version !== undefined) looked.set(name, { seen, version });
      return version;
    },
  };
}

/** Estimates the memory of the facts: objects take about twice the bytes of their JSON. */
function bytesOf(facts: TableFacts): number {
  return 2 * JSON.stringify(facts, (_key, value) => (typeof value === 'bigint' ? String(value) : value)).length;
}

function refusalOf(error: { code?: string }): string | undefined {
  const { code } = error;
  return code === '42501' || (code?.startsWith('RT_') && code !== 'RT_TABLE_CHANGING') ? code : undefined;
}
