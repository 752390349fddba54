/** The definitions that the relay has announced. Facts that were read earlier and differ are outdated. */
import { type DefinitionsChanged, type Lsn, lsnFromHex, ROLES_DEFINITION, tableKey } from '@tidemark/contracts';
import { LRUCache } from 'lru-cache';

export interface Dated {
  schema: string;
  table: string;
  definition: string;
  roles: string;
  epoch: string;
  /** Position of the WAL before the facts were read. */
  readFrom: Lsn;
}

interface Announced {
  version: string | null;
  epoch: string;
  since: Lsn;
}

const ROLES = tableKey('', ROLES_DEFINITION);
/** Tables remembered; the one that was not used for longest is dropped first. */
const MAX_TABLES = 20_000;

export class AnnouncedDefinitions {
  #last = new LRUCache<string, Announced>({ max: MAX_TABLES });

  /** @returns the keys of the changed tables, and whether the roles changed */
  note({ epoch, tables }: DefinitionsChanged): { keys: string[]; roles: boolean } {
    const keys: string[] = [];
    let roles = false;
    for (const { schema, table, version, since } of tables) {
      const key = tableKey(schema, table);
      this.#last.set(key, { version, epoch, since: lsnFromHex(since) });
      if (key === ROLES) roles = true;
      else keys.push(key);
    }
    return { keys, roles };
  }

  isTableOld(facts: Dated): boolean {
    return differs(this.#last.get(tableKey(facts.schema, facts.table)), facts.definition, facts);
  }

  /** Whether the definition of these facts is the one that was announced last. */
  isTableKnown({ schema, table, definition }: Dated): boolean {
    return this.#last.get(tableKey(schema, table))?.version === definition;
  }

  /** Facts from before the last announcement are old even where a change was taken back: a replica may be between the two. */
  isOld(facts: Dated): boolean {
    const table = this.#last.get(tableKey(facts.schema, facts.table));
    return (
      differs(table, facts.definition, facts) ||
      isBefore(table, facts) ||
      differs(this.#last.get(ROLES), facts.roles, facts) ||
      isBefore(this.#last.get(ROLES), facts)
    );
  }

  /** The roles had other rights for a while, in which a snapshot may have been taken. */
  haveRolesChangedBack(facts: Dated): boolean {
    const last = this.#last.get(ROLES);
    return last?.version === facts.roles && isBefore(last, facts);
  }

  /** Positions of another epoch are not comparable. The relay announces again what it finds. */
  clear(): void {
    this.#last.clear();
  }
}

/** Facts that were read after `since` are newer than the announcement. */
function differs(last: Announced | undefined, version: string, { epoch, readFrom }: Dated): boolean {
  return last !== undefined && last.version !== version && !(last.epoch === epoch && readFrom > last.since);
}

const isBefore = (last: Announced | undefined, { epoch, readFrom }: Dated): boolean =>
  last !== undefined && last.epoch === epoch && readFrom < last.since;
