/** A relation is planned at its Relation message, and again where its definition changed without one. */
import { definitionKey } from '../definitions/known-definitions.ts';
import type { TableName } from '../definitions/look.ts';
import type { Relation } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';
import type { ValueRenderer } from './value-renderer.ts';

export class RelationPlans {
  #renderer: Pick<ValueRenderer, 'plan'>;
  #versionOf: (table: TableName) => string | undefined;
  #plans = new Map<number, RelationPlan>();
  /** Relations whose plans are being made: a definition may change after the catalog was read. */
  #planning = new Map<number, Relation>();
  /** Marks a plan as outdated: a type may have been altered. */
  #outdated = new Set<number>();

  /** @param versionOf returns the announced version of a table's definition */
  constructor(renderer: Pick<ValueRenderer, 'plan'>, versionOf: (table: TableName) => string | undefined) {
    this.#renderer = renderer;
    this.#versionOf = versionOf;
  }

  /** Returns the plan; Postgres sends every relation before its first row. */
  get(oid: number): RelationPlan {
    return this.#plans.get(oid) as RelationPlan;
  }

  refresh(oid: number): Promise<void> | undefined {
    return this.#outdated.has(oid) ? this.plan(this.get(oid).relation) : undefined;
  }

  async plan(relation: Relation): Promise<void> {
    this.#outdated.delete(relation.oid);
    this.#planning.set(relation.oid, relation);
    // The version comes first: the catalog is read at or after it.
    const definition = this.#versionOf(relation);
    this.#plans.set(relation.oid, await this.#renderer.plan(relation, definition));
    this.#planning.delete(relation.oid);
  }

  outdate(tables: readonly TableName[]): void {
    const names = new Set(tables.map(definitionKey));
    for (const { relation } of this.#plans.values()) this.#outdate(relation, names);
    for (const relation of this.#planning.values()) this.#outdate(relation, names);
  }

  #outdate(relation: Relation, names: ReadonlySet<string>): void {
    if (names.has(definitionKey(relation))) this.#outdated.add(relation.oid);
  }
}
