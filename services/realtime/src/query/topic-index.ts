/**
 * Finds the topics that a row may concern by the values of the columns that their filters pin to constants, so that a
 * change is not tested against every topic. A topic that pins nothing is tested each time.
 */
import { type EqualityKeys, equalityKeys } from '@tidemark/query';
import type { RowImage } from '../changes/row-image.ts';
import type { LivePlan } from './live-plan.ts';

/** A topic with several `in` lists is filed under each combination, up to so many; past that it is tested each time. */
const MAX_PLACES = 1_000;

interface Shape {
  columns: readonly string[];
  keys: readonly EqualityKeys[];
  byKey: Map<string, Set<Indexed>>;
}

export interface Indexed {
  readonly plan: LivePlan;
}

export class TopicIndex<T extends Indexed> {
  #shapes = new Map<string, Shape>();
  #unindexed = new Set<T>();
  #size = 0;

  /** Topics that are tested with every change. */
  get unindexed(): number {
    return this.#unindexed.size;
  }

  get size(): number {
    return this.#size;
  }

  add(topic: T): void {
    this.#size += 1;
    const places = placesOf(topic.plan);
    if (!places) {
      this.#unindexed.add(topic);
      return;
    }
    let shape = this.#shapes.get(places.shape);
    if (!shape) {
      shape = { columns: places.columns, keys: places.keys, byKey: new Map() };
      this.#shapes.set(places.shape, shape);
    }
    for (const key of places.places) {
      const found = shape.byKey.get(key);
      if (found) found.add(topic);
      else shape.byKey.set(key, new Set([topic]));
    }
  }

  delete(topic: T): void {
    this.#size -= 1;
    if (this.#unindexed.delete(topic)) return;
    const places = placesOf(topic.plan);
    const shape = places && this.#shapes.get(places.shape);
    if (!shape) return;
    for (const key of places.places) {
      const found = shape.byKey.get(key);
      found?.delete(topic);
      if (found?.size === 0) shape.byKey.delete(key);
    }
    if (shape.byKey.size === 0) this.#shapes.delete(places.shape);
  }

  /** Adds to `found` every topic whose filter the row may match. A row that lacks a pinned column may match any of them. */
  collect(row: RowImage, found: Set<T>): void {
    for (const topic of this.#unindexed) found.add(topic);
    for (const { columns, keys, byKey } of this.#shapes.values()) {
      if (row.has(columns)) {
        const key = keyOf(row.values(columns), columns, keys);
        const topics = key === undefined ? undefined : byKey.get(key);
        if (topics) for (const topic of topics) found.add(topic as T);
      } else for (const topics of byKey.values()) for (const topic of topics) found.add(topic as T);
    }
  }

  collectAll(found: Set<T>): void {
    for (const topic of this.#unindexed) found.add(topic);
    for (const { byKey } of this.#shapes.values()) {
      for (const topics of byKey.values()) for (const topic of topics) found.add(topic as T);
    }
  }
}

/** Undefined with a NULL, which equals nothing. */
function keyOf(
  values: Record<string, unknown>,
  columns: readonly string[],
  keys: readonly EqualityKeys[],
): string | undefined {
  const parts: string[] = [];
  for (let n = 0; n < columns.length; n++) {
    const part = (keys[n] as EqualityKeys).value(values[columns[n] as string]);
    if (part === null) return undefined;
    parts.push(part);
  }
  return joined(parts);
}

/** Undefined where the filter pins nothing that can be looked up. */
function placesOf(plan: LivePlan) {
  const columns: string[] = [];
  const keys: EqualityKeys[] = [];
  let combinations: string[][] = [[]];
  for (const { column, values } of plan.equality) {
    const type = plan.types[column];
    const key = type && equalityKeys(type, { timeZone: 'UTC' });
    if (!key || values.length * combinations.length > MAX_PLACES) continue;
    const constants = values.map((value) => key.constant(value));
    if (constants.includes(null)) continue;
    columns.push(column);
    keys.push(key);
    combinations = combinations.flatMap((before) => constants.map((constant) => [...before, constant as string]));
  }
  if (columns.length === 0) return undefined;
  return { shape: JSON.stringify(columns), columns, keys, places: new Set(combinations.map(joined)) };
}

/** Of a single column, its value as it is: a shape's keys all have as many. */
const joined = (parts: readonly string[]): string =>
  parts.length === 1 ? (parts[0] as string) : JSON.stringify(parts);
