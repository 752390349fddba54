/** Caches one compiled read for each shape of a request. A plan is valid for one catalog. */
import { arrayLiteral, type Statement } from '@tidemark/db';
import type { Query } from '@tidemark/query';
import { LRUCache } from 'lru-cache';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { guardColumn } from '../sql/guard-column.ts';
import { planRead, type ReadOptions, type ReadPlan } from './read.ts';
import { isSessionSafe } from './session-safe.ts';
import { markedQuery, shapeOf } from './shape.ts';

/** Characters of keys and texts. A plan has about 1,000, so the cache has space for some thousands of shapes. */
const MAX_CHARACTERS = 8 * 1024 ** 2;
const MAX_PLAN_CHARACTERS = 256 * 1024;

interface CompiledRead {
  readonly text: string;
  readonly guarded: string;
  /** For each parameter, the index of its value, or the constant of the planner. */
  readonly places: readonly (number | string | null)[];
  readonly sessionSafe: boolean;
}

interface Bound {
  readonly catalog: Catalog;
  readonly relation: Relation;
  readonly options: ReadOptions;
  readonly guard: Iterable<number> | undefined;
  readonly statement: Statement;
}

export interface PlanCounts {
  plans: number;
  hits: number;
  misses: number;
  /** Shapes whose plan depends on more than the shape, and is made each time. */
  unfit: number;
}

export class PlanCache {
  readonly #plans = new LRUCache<string, CompiledRead>({
    maxSize: MAX_CHARACTERS,
    maxEntrySize: MAX_PLAN_CHARACTERS,
    sizeCalculation: (plan, key) => plan.text.length + plan.guarded.length + key.length + 8 * plan.places.length + 1,
  });
  /** The last statement of each query object that is cached elsewhere, so that its shape is not looked up again. */
  readonly #bound = new WeakMap<Query, Bound>();
  readonly #counts = { hits: 0, misses: 0, unfit: 0 };

  /** `guard` has the oids of the relations whose versions the statement must return in a column of that name. */
  read(catalog: Catalog, relation: Relation, query: Query, options: ReadOptions, guard?: Iterable<number>): Statement {
    const bound = this.#bound.get(query);
    if (bound && bound.catalog === catalog && bound.relation === relation && bound.guard === guard) {
      if (sameOptions(bound.options, options)) {
        this.#counts.hits += 1;
        return bound.statement;
      }
    }
    const statement = this.#plan(catalog, relation, query, options, guard);
    this.#bound.set(query, { catalog, relation, options, guard, statement });
    return statement;
  }

  #plan(
    catalog: Catalog,
    relation: Relation,
    query: Query,
    options: ReadOptions,
    guard: Iterable<number> | undefined,
  ): Statement {
    const shape = shapeOf(query, options.maxRows);
    const { media, exactCount, countLimit = null, maxRows } = options;
    const key = `${catalog.version} ${relation.oid} ${media.kind} ${media.nullsStripped} ${exactCount} ${countLimit} ${maxRows} ${options.settings === true} ${media.own ? JSON.stringify(media.own) : ''} ${query.after === null} ${shape.text}`;
    let plan = this.#plans.get(key);
    if (plan) this.#counts.hits += 1;
    else {
      const direct = planRead(catalog, relation, query, options);
      const compiled = query.after === null ? compile(catalog, relation, query, options) : undefined;
      // A bound plan must equal the one that would have been planned.
      if (compiled?.text !== textOf(direct) || !equal(bind(compiled, shape.values), direct.params)) {
        this.#counts.unfit += 1;
        return statement(
          textOf(direct),
          textOf(direct, true),
          direct.params,
          isSessionSafe(catalog, relation, query),
          guard,
        );
      }
      this.#counts.misses += 1;
      plan = compiled;
      this.#plans.set(key, plan);
    }
    return statement(plan.text, plan.guarded, bind(plan, shape.values), plan.sessionSafe, guard);
  }

  counts(): PlanCounts {
    return { plans: this.#plans.size, ...this.#counts };
  }
}

function compile(catalog: Catalog, relation: Relation, query: Query, options: ReadOptions): CompiledRead {
  const marked = markedQuery(query);
  const plan = planRead(catalog, relation, marked.query, options);
  const places = new Map(marked.marks.map((mark, place) => [mark, place]));
  return {
    text: textOf(plan),
    guarded: textOf(plan, true),
    places: plan.params.map((param) => (param === null ? null : (places.get(param) ?? param))),
    sessionSafe: isSessionSafe(catalog, relation, query),
  };
}

function bind(plan: CompiledRead, values: readonly string[]): (string | null)[] {
  return plan.places.map((place) => (typeof place === 'number' ? (values[place] as string) : place));
}

function textOf(plan: ReadPlan, guarded = false): string {
  return guarded ? `${plan.head}, ${guardColumn(`$${plan.params.length + 1}`)}${plan.tail}` : plan.text;
}

function statement(
  text: string,
  guarded: string,
  params: readonly (string | null)[],
  sessionSafe: boolean,
  guard: Iterable<number> | undefined,
): Statement {
  if (!guard) return { text, params, sessionSafe };
  return { text: guarded, params: [...params, arrayLiteral([...guard].map(String))], sessionSafe };
}

const equal = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

const sameOptions = (a: ReadOptions, b: ReadOptions): boolean =>
  a.media === b.media &&
  a.exactCount === b.exactCount &&
  a.countLimit === b.countLimit &&
  a.maxRows === b.maxRows &&
  a.settings === b.settings;
