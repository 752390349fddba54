/** The same line and headers need no second parse. The entries hold for one catalog. */
import type { Catalog, Relation } from '@tidemark/plan';
import { canonical, type Preferences, type Query, type RowsMedia } from '@tidemark/query';
import { LRUCache } from 'lru-cache';
import type { QueryReads } from '../cache/query-reads.ts';
import type { ExportRequest } from './export-request.ts';

export interface ReadRequest {
  readonly catalog: Catalog;
  readonly schema: string;
  readonly media: RowsMedia;
  readonly preferences: Pick<Preferences, 'count' | 'handling' | 'timezone'>;
  readonly relation: Relation;
  readonly query: Query;
  /** Null unless the rows are streamed. */
  readonly exported: ExportRequest | null;
  /** Content-Location: the query in one form, its pairs by name. */
  readonly location: string;
  readonly key: string;
  /** `key` with a role, for the few roles that ask for it. */
  readonly keyOfRole: Map<string, string>;
  /** A policy or a view may read the headers, or set those of the response: they are sent, and the answer is not cached. */
  readonly seesRequest: boolean;
  /** The relations that it reads, in a generation of the cache; or why its answer is not cached. */
  reads: { of: number; found: { reads: QueryReads; generation: number } | string } | undefined;
}

/** At some 6 KB each, 12 MB at the most. */
const MAX_REQUESTS = 2_000;
/** Longer ones are seldom repeated, and would make the bound a lie. */
const MAX_KEY_CHARACTERS = 4_096;

export class ReadRequests {
  readonly #known = new LRUCache<string, ReadRequest>({ max: MAX_REQUESTS });

  get(text: string, catalog: Catalog): ReadRequest | undefined {
    const found = this.#known.get(text);
    return found?.catalog === catalog ? found : undefined;
  }

  add(text: string, request: ReadRequest): void {
    if (text.length <= MAX_KEY_CHARACTERS) this.#known.set(text, request);
  }
}

/** Equal keys mean equal answers to one identity. */
export function requestKey(
  request: Pick<ReadRequest, 'catalog' | 'schema' | 'relation' | 'query' | 'media' | 'preferences'>,
  settings: unknown,
): string {
  const { catalog, schema, relation, query, media, preferences } = request;
  const { kind, nullsStripped } = media;
  const parts = [catalog.version, schema, relation.name, kind, nullsStripped, preferences.count, canonical(query)];
  return [...parts, JSON.stringify(settings)].join('\0');
}

/** The same for the same pairs, however they were ordered and escaped. */
export function locationOf(table: string, search: string): string {
  const pairs = [...new URLSearchParams(search)].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const path = `/rest/v1/${encodeURIComponent(table)}`;
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs)}`;
}
