/** Each kind of POST (URL, schema, media types, Prefer) is planned once. */
import type { Identity } from '@tidemark/db';
import { type Catalog, type Payload, planGroupedInsert } from '@tidemark/plan';
import { LRUCache } from 'lru-cache';
import type { TableWrite, WritePlan } from '../../plan/table-write.ts';

/** Kinds of requests that are kept: some KB each, a parsed query and a statement of about 1 KB. */
const MAX_PLANS = 1_000;
/** Characters of a key. A kind with a longer key is planned each time: a URL may have 64 KB. */
const MAX_KEY = 4_096;
/** Shapes of inserts whose statement is kept: a text of about 1 KB each. */
const MAX_SHAPES = 1_000;

/** Headers that differ between requests of the same client. A joined insert may see those of another request. */
const PER_REQUEST = new Set(['content-length', 'traceparent', 'tracestate', 'x-request-id', 'date', 'idempotency-key']);

export interface InsertShape {
  readonly id: number;
  readonly text: string;
  readonly params: readonly (string | null)[];
}

let lastId = 0;
const nextId = () => {
  lastId += 1;
  return lastId;
};

export class InsertPlan {
  readonly id: number = nextId();
  readonly write: WritePlan;
  readonly joins: boolean;
  readonly #seesRequest: boolean;

  constructor(write: WritePlan) {
    this.write = write;
    this.joins = joins(write);
    this.#seesRequest = seesRequest(write);
  }

  /** Equal for inserts that may be joined. `full` is called only where the settings of the request can make a difference. */
  queueOf(shape: InsertShape, caller: Pick<Identity, 'role' | 'claims'>, full: () => Identity): string {
    const seen = this.#seesRequest ? requestSettings(full()) : '';
    return `${shape.id}\u0000${caller.role}\u0000${caller.claims}\u0000${seen}`;
  }
}

export class InsertPlans {
  readonly #plans = new LRUCache<string, InsertPlan>({ max: MAX_PLANS });
  readonly #shapes = new LRUCache<string, InsertShape>({ max: MAX_SHAPES });
  #catalog: Catalog | undefined;

  of(catalog: Catalog, key: string, make: () => WritePlan): InsertPlan {
    if (catalog !== this.#catalog) {
      this.#plans.clear();
      this.#shapes.clear();
      this.#catalog = catalog;
    }
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = new InsertPlan(make());
    if (key.length <= MAX_KEY) this.#plans.set(key, plan);
    return plan;
  }

  shape(plan: InsertPlan, { payload }: TableWrite): InsertShape | undefined {
    if (!plan.joins || payload?.count !== 1 || payload.keys.length === 0 || payload.texts) return undefined;
    const key = `${plan.id} ${payload.keys.join('\u0000')}`;
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    const { catalog, relation, query, options } = plan.write;
    const planned = planGroupedInsert(catalog, { relation, query, keys: payload.keys, options });
    const shape = { id: nextId(), ...planned };
    this.#shapes.set(key, shape);
    return shape;
  }
}

export function rowOf(payload: Payload): string {
  if (payload.row !== undefined) return payload.row;
  return payload.rows.slice(payload.rows.indexOf('[') + 1, payload.rows.lastIndexOf(']'));
}

/**
 * Views, foreign tables, and tables with triggers or rules for INSERT stay alone too: a trigger may count statements,
 * or set response headers.
 */
function joins({ head, relation, query, options, mustCheck }: WritePlan): boolean {
  if (head.preferences.tx === 'rollback' || head.preferences.results !== null) return false;
  if (options.resolution !== null || mustCheck || relation.insertTriggers || query.columns?.length === 0) return false;
  if ([...relation.columns.values()].some(({ casts }) => casts !== null)) return false;
  return relation.kind === 'table' || relation.kind === 'partitioned table';
}

/** Whether a policy, a default or a selected function could tell two requests of one identity apart. */
function seesRequest({ relation, query, options }: WritePlan): boolean {
  if (relation.readsRequest) return true;
  if (options.return !== 'representation') return false;
  const plain = query.select.every(
    (item) => item.kind === 'star' || (item.kind === 'column' && relation.columns.has(item.field.name)),
  );
  return !plain;
}

function requestSettings(identity: Identity): string {
  const { 'request.headers': text = '{}', ...settings } = identity.settings ?? {};
  const headers = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return JSON.stringify([settings, headers.filter(([name]) => !PER_REQUEST.has(name))]);
}
