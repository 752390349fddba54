/** Which inserts may be joined, and with which others. */
import type { Identity } from '@tidemark/db';
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../catalog/catalog.ts';
import { planGroupedInsert } from '../plan/grouped-insert.ts';
import type { Payload } from '../plan/payload.ts';
import type { Insert } from './insert-groups.ts';
import type { TableWrite } from './table-write-plan.ts';

/** Shapes of inserts whose statement is kept: a text of about 1 KB each. */
const MAX_SHAPES = 1_000;
const shapes = new LRUCache<string, ReturnType<typeof planGroupedInsert>>({ max: MAX_SHAPES });

/** Headers that differ from request to request of the same client; a joined insert may see those of another one. */
const PER_REQUEST = new Set(['content-length', 'traceparent', 'tracestate', 'x-request-id', 'date', 'idempotency-key']);

/**
 * Undefined for an insert that must stay alone: several rows, an upsert, a rollback, a check before COMMIT, views and
 * foreign tables, and tables with triggers or rules for INSERT (a trigger may count statements, or set response headers).
 */
export function insertOf(catalog: Catalog, write: TableWrite, identity: Identity): Insert | undefined {
  const { parts, relation, query, options, payload } = write;
  if (parts.method !== 'POST' || payload === null || payload.count !== 1 || payload.keys.length === 0) return undefined;
  if (options.resolution !== null || write.mustCheck || parts.preferences.tx === 'rollback') return undefined;
  if (relation.kind !== 'table' && relation.kind !== 'partitioned table') return undefined;
  if (relation.insertTriggers || query.columns?.length === 0) return undefined;
  const shape = JSON.stringify([
    ...[catalog.version, relation.schema, relation.name, parts.search, payload.keys],
    ...[options.return, options.missingDefault, options.media.kind, options.media.nullsStripped],
  ]);
  const seen = seesRequest(write) ? requestSettings(identity) : (identity.settings?.search_path ?? '');
  return {
    lane: [shape, identity.role, identity.claims, seen].join('\u0000'),
    identity,
    row: rowOf(payload),
    alone: () => write.statement(),
    grouped() {
      let planned = shapes.get(shape);
      if (planned === undefined) {
        planned = planGroupedInsert(catalog, { relation, query, keys: payload.keys, options });
        shapes.set(shape, planned);
      }
      return planned;
    },
  };
}

/** Whether a policy, a default or a selected function could tell two requests of one identity apart. */
function seesRequest({ relation, query, options }: TableWrite): boolean {
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

/** The text of the only element of the array. */
const rowOf = (payload: Payload): string =>
  payload.rows.slice(payload.rows.indexOf('[') + 1, payload.rows.lastIndexOf(']'));
