/** What the relay has told of definitions: facts that were read before, and say otherwise, are old. */
import { type DefinitionsChanged, type Lsn, lsnFromHex, ROLES_DEFINITION, tableKey } from '@tidemark/contracts';

/** What can be old. */
export interface Dated {
  schema: string;
  table: string;
  /** The versions of the table's definition and of the roles. */
  definition: string;
  roles: string;
  epoch: string;
  /** Nothing in it was read before the WAL had come so far. */
  readFrom: Lsn;
}

interface Announced {
  version: string | null;
  epoch: string;
  since: Lsn;
}

const ROLES = tableKey('', ROLES_DEFINITION);
/** More tables than a publication has; the one that changed longest ago goes first. */
const MAX_TABLES = 20_000;

export class AnnouncedDefinitions {
  #last = new Map<string, Announced>();

  /** @returns the keys of the tables that it tells of, and whether it tells of the roles */
  note({ epoch, tables }: DefinitionsChanged): { keys: string[]; roles: boolean } {
    const keys: string[] = [];
    let roles = false;
    for (const { schema, table, version, since } of tables) {
      const key = tableKey(schema, table);
      this.#last.delete(key);
      if (this.#last.size >= MAX_TABLES) this.#last.delete(this.#last.keys().next().value as string);
      this.#last.set(key, { version, epoch, since: lsnFromHex(since) });
      if (key === ROLES) roles = true;
      else keys.push(key);
    }
    return { keys, roles };
  }

  /** The table's definition may be another one than they say. */
  isTableOld(facts: Dated): boolean {
    return differs(this.#last.get(tableKey(facts.schema, facts.table)), facts.definition, facts);
  }

  areRolesOld(facts: Dated): boolean {
    return differs(this.#last.get(ROLES), facts.roles, facts);
  }

  /** Positions of another epoch say nothing, and its relay tells what it finds anew. */
  clear(): void {
    this.#last.clear();
  }
}

/** What was read from a position behind `since` saw more than the look that was announced. */
function differs(last: Announced | undefined, version: string, { epoch, readFrom }: Dated): boolean {
  return last !== undefined && last.version !== version && !(last.epoch === epoch && readFrom > last.since);
}
