/** postgrest-js's `from(…)`, whose `select(…)` also has `.live()`. */
import {
  PostgrestClient,
  type PostgrestClientOptions,
  type PostgrestFilterBuilder,
  type PostgrestQueryBuilder,
  type UnstableGetResult,
} from '@supabase/postgrest-js';
import type { LiveConnections } from './live/connections.ts';
import { quoteRounded } from './live/exact-numbers.ts';
import { type LiveOptions, LiveQuery } from './live/live-query.ts';
import type { Session } from './session.ts';

// biome-ignore lint/suspicious/noExplicitAny: a client without generated types accepts any table and returns any row, as postgrest-js does.
export type AnyDatabase = any;

export interface SchemaTypes {
  Tables: Record<string, TableTypes>;
  Views: Record<string, ViewTypes>;
  Functions: Record<string, { Args: Record<string, unknown> | never; Returns: unknown }>;
}
interface RelationshipTypes {
  foreignKeyName: string;
  columns: string[];
  isOneToOne?: boolean;
  referencedRelation: string;
  referencedColumns: string[];
}
interface TableTypes {
  Row: Record<string, unknown>;
  Insert: Record<string, unknown>;
  Update: Record<string, unknown>;
  Relationships: RelationshipTypes[];
}
interface ViewTypes {
  Row: Record<string, unknown>;
  Relationships: RelationshipTypes[];
}

export interface Followable<Row> {
  live(options?: LiveOptions): LiveQuery<Row>;
}

/** postgrest-js's query builder, with a `select` that can be followed. */
export type Table<Schema extends SchemaTypes, Relation extends TableTypes | ViewTypes, Name> = {
  select<
    Query extends string = '*',
    One = UnstableGetResult<Schema, Relation['Row'], Name, Relation['Relationships'], Query, PostgrestClientOptions>,
  >(
    columns?: Query,
    options?: { head?: boolean; count?: 'exact' | 'planned' | 'estimated' },
  ): PostgrestFilterBuilder<
    PostgrestClientOptions,
    Schema,
    Relation['Row'],
    One[],
    Name,
    Relation['Relationships'],
    'GET'
  > &
    Followable<One>;
} & PostgrestQueryBuilder<PostgrestClientOptions, Schema, Relation, Name>;

interface Builder {
  url: URL;
  schema: string | undefined;
}

const connectionOf = new WeakMap<object, LiveConnections>();
const numberOf = new WeakMap<LiveConnections, number>();
let connections = 0;

/** Returns the same text for queries of the same text, schema and client. */
export function identityOf(query: object): string {
  const { url, schema } = query as Builder;
  const connection = connectionOf.get(query);
  if (connection === undefined) return `${schema} ${url}`;
  if (!numberOf.has(connection)) numberOf.set(connection, ++connections);
  return `${numberOf.get(connection)} ${schema} ${url}`;
}

/** Access to one schema: over HTTP through postgrest-js, and over WebSocket through `live()`. */
export class SchemaClient<Schema extends SchemaTypes> {
  readonly #http: PostgrestClient<AnyDatabase, PostgrestClientOptions, string, Schema>;
  readonly #connection: LiveConnections;

  constructor(url: string, schema: string | undefined, session: Session, connection: LiveConnections) {
    const options = { fetch: exactly(session.fetch), ...(schema === undefined ? {} : { schema }) };
    this.#http = new PostgrestClient<AnyDatabase, PostgrestClientOptions, string, Schema>(`${url}/rest/v1`, options);
    this.#connection = connection;
  }

  from<Name extends string & keyof Schema['Tables']>(name: Name): Table<Schema, Schema['Tables'][Name], Name>;
  from<Name extends string & keyof Schema['Views']>(name: Name): Table<Schema, Schema['Views'][Name], Name>;
  from(name: string): unknown {
    const builder = this.#http.from(name as never);
    const select = builder.select.bind(builder);
    const connection = this.#connection;
    return Object.assign(builder, {
      select(...given: Parameters<typeof select>) {
        const query = select(...given);
        connectionOf.set(query, connection);
        return Object.assign(query, {
          live: (options: LiveOptions = {}) => follow(connection, query as unknown as Builder, options),
        });
      },
    });
  }

  get rpc(): PostgrestClient<AnyDatabase, PostgrestClientOptions, string, Schema>['rpc'] {
    return this.#http.rpc.bind(this.#http) as never;
  }
}

/** Wraps `fetch` so that numbers which JavaScript would round arrive as strings, as in live queries. */
const exactly =
  (send: typeof fetch): typeof fetch =>
  async (input, init) => {
    const response = await send(input, init);
    if (response.body === null || !(response.headers.get('content-type') ?? '').includes('json')) return response;
    const { status, statusText } = response;
    const headers = new Headers(response.headers);
    // Both headers describe the bytes on the wire, not the new body.
    headers.delete('content-length');
    headers.delete('content-encoding');
    return new Response(quoteRounded(await response.text()), { status, statusText, headers });
  };

/** Follows the path and query that the builder would request with GET. */
function follow(connection: LiveConnections, { url, schema }: Builder, options: LiveOptions): LiveQuery<never> {
  const path = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  return new LiveQuery(connection, {
    query: `${path}${url.search}`,
    profile: schema,
    mode: options.mode ?? 'every',
    snapshot: options.snapshot ?? true,
    after: options.after,
  });
}
