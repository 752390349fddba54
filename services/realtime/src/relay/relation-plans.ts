/** A relation is planned at its Relation message, and again where its definition changed without one. */
import { definitionKey } from '../definitions/known-definitions.ts';
import type { TableName } from '../definitions/look.ts';
import type { Relation } from './pgoutput.ts';
import type { RelationPlan } from './type-catalog.ts';
import type { ValueRenderer } from './value-renderer.ts';

export class RelationPlans {
  #renderer: ValueRenderer;
  #plans = new Map<number, RelationPlan>();
  /** Marks a plan as outdated: a type may have been altered. */
  #outdated = new Set<number>();

  constructor(renderer: ValueRenderer) {
    this.#renderer = renderer;
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
    this.#plans.set(relation.oid, await this.#renderer.plan(relation));
  }

  outdate(tables: readonly TableName[]): void {
    const names = new Set(tables.map(definitionKey));
    for (const [oid, { relation }] of this.#plans) if (names.has(definitionKey(relation))) this.#outdated.add(oid);
  }
}
