/**
 * The net effect of a transaction on tables whose key is deferrable, and so unique only at the commit: in between two
 * rows may have one key (`set pos = pos + 1`), and a client that applies the changes in order would drop the wrong
 * row. For each key, versions that were added and removed cancel out. Old rows are whole, since Postgres refuses
 * updates of such tables without REPLICA IDENTITY FULL. The result depends on the WAL alone. Pure.
 */
import { filled, lengthOf, type RowMessage } from './change-text.ts';
import type { RelationColumn, Tuple } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';

/** Characters of the versions kept for a transaction. The subscribers of a table that needs more resync. */
const MAX_KEPT = 32 * 1_024 ** 2;
/** Characters charged for a version beside its own. */
const VERSION_OVERHEAD = 200;

interface Version {
  tuple: Tuple;
  /** 1 for a version that was added, -1 for one that was removed. */
  balance: number;
}

interface TableNet {
  plan: RelationPlan;
  places: readonly number[];
  versions: Map<string, Version[]>;
  kept: number;
  isLost: boolean;
}

export interface NetChanges {
  plan: RelationPlan;
  /** Returns at most one change for each key, deletes first; undefined where the effect is unknown. */
  messages: readonly RowMessage[] | undefined;
}

export class NetEffect {
  #tables = new Map<number, TableNet>();
  #kept = 0;
  readonly #maxKept: number;

  constructor(maxKept = MAX_KEPT) {
    this.#maxKept = maxKept;
  }

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  add(plan: RelationPlan, message: RowMessage): void {
    const table = this.#table(plan);
    if (table.isLost) return;
    // Versions cannot be compared without a value that was not decoded, or with an old row that is only a key.
    if (message.oversize || (message.tag !== 'insert' && !message.old)) {
      this.#lose(table);
      return;
    }
    if (message.tag !== 'insert') this.#count(table, message.old as Tuple, -1);
    if (message.tag === 'update') this.#count(table, filled(plan.relation, message), 1);
    if (message.tag === 'insert') this.#count(table, message.row, 1);
    if (this.#kept > this.#maxKept) this.#lose(table);
  }

  forget(oid: number): void {
    const table = this.#tables.get(oid);
    if (table) this.#release(table);
    this.#tables.delete(oid);
  }

  take(): NetChanges[] {
    const taken = [...this.#tables.values()].map((table) => ({ plan: table.plan, messages: messagesOf(table) }));
    this.#tables.clear();
    this.#kept = 0;
    return taken;
  }

  #table(plan: RelationPlan): TableNet {
    const { oid, columns } = plan.relation;
    const known = this.#tables.get(oid);
    if (known) {
      // The table was altered inside the transaction, so that versions have different columns.
      if (known.plan !== plan && !areSame(known.plan, plan)) this.#lose(known);
      known.plan = plan;
      return known;
    }
    const places = plan.key.map((name) => columns.findIndex((column) => column.name === name));
    const table: TableNet = { plan, places, versions: new Map(), kept: 0, isLost: false };
    this.#tables.set(oid, table);
    return table;
  }

  #count(table: TableNet, tuple: Tuple, by: 1 | -1): void {
    const key = JSON.stringify(table.places.map((place) => tuple[place]));
    const versions = table.versions.get(key) ?? [];
    const size = tuple.reduce((sum, value) => sum + lengthOf(value), VERSION_OVERHEAD);
    const at = versions.findIndex((version) => isSame(version.tuple, tuple));
    const version = versions[at];
    if (!version) {
      versions.push({ tuple, balance: by });
      this.#keep(table, size);
    } else {
      version.balance += by;
      if (version.balance === 0) {
        versions.splice(at, 1);
        this.#keep(table, -size);
      }
    }
    if (versions.length === 0) table.versions.delete(key);
    else table.versions.set(key, versions);
  }

  #keep(table: TableNet, size: number): void {
    table.kept += size;
    this.#kept += size;
  }

  #lose(table: TableNet): void {
    table.isLost = true;
    this.#release(table);
  }

  #release(table: TableNet): void {
    this.#kept -= table.kept;
    table.kept = 0;
    table.versions.clear();
  }
}

function messagesOf({ plan, versions, isLost }: TableNet): RowMessage[] | undefined {
  if (isLost) return undefined;
  const { oid } = plan.relation;
  const drops: RowMessage[] = [];
  const puts: RowMessage[] = [];
  for (const found of versions.values()) {
    const put = found.filter(({ balance }) => balance > 0);
    const dropped = found.filter(({ balance }) => balance < 0);
    // Two rows with one key at the commit, or before the transaction, would be a bug.
    if (put.length > 1 || dropped.length > 1 || found.some(({ balance }) => Math.abs(balance) > 1)) return undefined;
    const row = put[0]?.tuple;
    const old = dropped[0]?.tuple;
    if (row && old) puts.push({ tag: 'update', oid, row, old, key: undefined });
    else if (row) puts.push({ tag: 'insert', oid, row });
    else if (old) drops.push({ tag: 'delete', oid, old, key: undefined });
  }
  // Two texts may be one key for Postgres (1.0 and 1.00), so deletes come first.
  return [...drops, ...puts];
}

const isSame = (a: Tuple, b: Tuple): boolean => a.length === b.length && a.every((value, index) => value === b[index]);

const columnText = ({ name, typeOid }: RelationColumn): string => JSON.stringify([name, typeOid]);

function areSame(a: RelationPlan, b: RelationPlan): boolean {
  const text = (plan: RelationPlan) => [...plan.relation.columns.map(columnText), ...plan.key].join();
  return text(a) === text(b);
}
