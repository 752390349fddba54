import { Files } from './files.ts';
import { Jobs } from './jobs.ts';
import { Channel } from './live/channel.ts';
import type { ChannelOptions } from './live/channel-types.ts';
import type { ConnectionState } from './live/connection-state.ts';
import { LiveConnections } from './live/connections.ts';
import { Requests } from './requests.ts';
import { Session, type TokenSource } from './session.ts';
import { type AnyDatabase, SchemaClient, type SchemaTypes } from './tables.ts';

export interface ClientOptions {
  /** A JWT, or a function that gives one whenever a new one is needed. Without: anonymous. */
  token?: TokenSource;
  /** Of `from` and `rpc`; default `public`. */
  schema?: string;
  /** Where the live queries are; default: `/live` at the client's own address. */
  liveUrl?: string;
  /** The WebSocket class, where the runtime has none (Node 20: that of `ws`). */
  WebSocket?: unknown;
  /** In place of the runtime's. */
  fetch?: typeof fetch;
}

type Schemas<Database> = Omit<Database, '__InternalSupabase'>;
type SchemaOf<Database, Name extends keyof Schemas<Database>> = Schemas<Database>[Name] extends SchemaTypes
  ? Schemas<Database>[Name]
  : AnyDatabase;
type DefaultSchema<Database> = 'public' extends keyof Schemas<Database> ? 'public' : keyof Schemas<Database>;

/**
 * A client for a gateway. What it writes, it reads: each read asks for at least the tidemark of the client's last write and
 * of the last live change it was told.
 *
 * @typeParam Database - what `tidemark types` generates from the database
 * @example
 * const tidemark = createClient<Database>('http://127.0.0.1:8080', { token });
 * const { data } = await tidemark.from('commentary').select('id,body').eq('match_id', 42);
 * for await (const event of tidemark.from('commentary').select('id,body').eq('match_id', 42).live()) console.log(event);
 */
export class TidemarkClient<Database = AnyDatabase> extends SchemaClient<SchemaOf<Database, DefaultSchema<Database>>> {
  readonly jobs: Jobs;
  readonly files: Files;
  readonly #url: string;
  readonly #session: Session;
  readonly #connection: LiveConnections;
  readonly #listeners: Set<(state: ConnectionState) => void>;

  constructor(url: string, options: ClientOptions = {}) {
    const base = url.replace(/\/+$/, '');
    const session = new Session({ token: options.token, fetch: options.fetch ?? fetch.bind(globalThis) });
    const listeners = new Set<(state: ConnectionState) => void>();
    const connection = new LiveConnections({
      url: options.liveUrl ?? `${base.replace(/^http/, 'ws')}/live`,
      session,
      WebSocket: options.WebSocket,
      onState: (state) => {
        for (const listener of listeners) listener(state);
      },
    });
    super(base, options.schema, session, connection);
    this.#url = base;
    this.#session = session;
    this.#connection = connection;
    this.#listeners = listeners;
    const requests = new Requests(base, session);
    this.jobs = new Jobs(requests, connection);
    this.files = new Files(requests);
  }

  /** The tables, views and functions of another schema. */
  schema<Name extends string & keyof Schemas<Database>>(name: Name): SchemaClient<SchemaOf<Database, Name>> {
    return new SchemaClient(this.#url, name, this.#session, this.#connection);
  }

  /** Messages and presence between clients; `join()` it. Names are `<kind>:<key>`: `user:<sub>` is that user's own devices. */
  channel(name: string, options: ChannelOptions = {}): Channel {
    return new Channel(this.#connection, name, options);
  }

  /** Of the live connection; `idle` while nothing is followed. */
  get status(): ConnectionState {
    return this.#connection.state;
  }

  /** Called at once, and with each state after. @returns how to stop that */
  onStatus(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.status);
    return () => this.#listeners.delete(listener);
  }

  /** What the next read asks for at least. Hand it to another client, and that one sees what this one wrote. */
  get tidemark(): string | undefined {
    return this.#session.tidemark;
  }

  /** Reads from now on ask for at least this, too: a tidemark that another client, or another page, has seen. */
  atLeast(tidemark: string): void {
    this.#session.advance(tidemark);
  }

  /** Signed in, signed out, or another token for the same. Live queries go on where the identity is the same. */
  setToken(token: TokenSource | undefined): void {
    this.#session.use(token);
    this.#connection.tokenChanged();
  }

  /** Connects now, where it waits to do so: the page came to the front, the network is back. */
  reconnect(): void {
    this.#connection.retry();
  }

  /** Ends all live queries and the connection. Requests under way go on. */
  close(): void {
    this.#connection.close();
  }
}

/** @see TidemarkClient */
export function createClient<Database = AnyDatabase>(
  url: string,
  options: ClientOptions = {},
): TidemarkClient<Database> {
  return new TidemarkClient<Database>(url, options);
}
