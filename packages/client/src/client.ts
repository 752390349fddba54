import { Files } from './files.ts';
import { Jobs } from './jobs.ts';
import { Channel } from './live/channel.ts';
import type { ChannelOptions } from './live/channel-types.ts';
import type { ConnectionState } from './live/connection-state.ts';
import { LiveConnections } from './live/connections.ts';
import { Requests } from './requests.ts';
import { Schedules } from './schedules.ts';
import { Session, type TokenSource } from './session.ts';
import { type AnyDatabase, SchemaClient, type SchemaTypes } from './tables.ts';

export interface ClientOptions {
  /** A JWT, or a function that returns one whenever a new one is needed. Default: anonymous. */
  token?: TokenSource;
  /** Schema of `from` and `rpc`; default `public`. */
  schema?: string;
  /** WebSocket URL of the live endpoint; default: `/live` at the client's own address. */
  liveUrl?: string;
  /** WebSocket class for runtimes without one (Node 20: use the one of `ws`). */
  WebSocket?: unknown;
  fetch?: typeof fetch;
}

type Schemas<Database> = Omit<Database, '__InternalSupabase'>;
type SchemaOf<Database, Name extends keyof Schemas<Database>> = Schemas<Database>[Name] extends SchemaTypes
  ? Schemas<Database>[Name]
  : AnyDatabase;
type DefaultSchema<Database> = 'public' extends keyof Schemas<Database> ? 'public' : keyof Schemas<Database>;

/**
 * A client for a gateway. Each read sees at least the client's last write and last received live change.
 *
 * @typeParam Database - the type that `tidemark types` generates from the database.
 */
export class TidemarkClient<Database = AnyDatabase> extends SchemaClient<SchemaOf<Database, DefaultSchema<Database>>> {
  readonly jobs: Jobs;
  readonly files: Files;
  readonly schedules: Schedules;
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
    this.schedules = new Schedules(requests);
  }

  schema<Name extends string & keyof Schemas<Database>>(name: Name): SchemaClient<SchemaOf<Database, Name>> {
    return new SchemaClient(this.#url, name, this.#session, this.#connection);
  }

  /**
   * Creates a channel for messages and presence; call its `join()`. Names have the form `<kind>:<key>`: `user:<sub>`
   * joins the devices of that user.
   */
  channel(name: string, options: ChannelOptions = {}): Channel {
    return new Channel(this.#connection, name, options);
  }

  /** State of the live connection; `idle` while nothing is followed. */
  get status(): ConnectionState {
    return this.#connection.state;
  }

  /** Calls the listener now and after each change of state. @returns a function that removes the listener */
  onStatus(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.status);
    return () => this.#listeners.delete(listener);
  }

  /** The tidemark that the next read asks for. Another client that calls `atLeast` with it sees what this client wrote. */
  get tidemark(): string | undefined {
    return this.#session.tidemark;
  }

  /** Makes later reads ask for at least this tidemark, which another client or page has seen. */
  atLeast(tidemark: string): void {
    this.#session.advance(tidemark);
  }

  /** Replaces the token: sign-in, sign-out or renewal. Live queries continue if the identity stays the same. */
  setToken(token: TokenSource | undefined): void {
    this.#session.use(token);
    this.#connection.tokenChanged();
  }

  /** Ends the wait before the next connection attempt; call it when the page becomes visible or the network returns. */
  reconnect(): void {
    this.#connection.retry();
  }

  /** Ends all live queries and the connection. HTTP requests in flight continue. */
  close(): void {
    this.#connection.close();
  }
}

export function createClient<Database = AnyDatabase>(
  url: string,
  options: ClientOptions = {},
): TidemarkClient<Database> {
  return new TidemarkClient<Database>(url, options);
}
