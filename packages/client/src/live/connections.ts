/** One socket, until it reaches the server's limits or the same query is written in two ways. */
import { TidemarkError } from '../errors.ts';
import type { Session } from '../session.ts';
import { Channel } from './channel.ts';
import { type Followed, LiveConnection } from './connection.ts';
import { type ConnectionState, isUp } from './connection-state.ts';
import { FollowedQuery } from './followed-query.ts';
import type { Follower, Following } from './followed-query-types.ts';

/** 800 queries by the server's default limits; more are refused with the server's error. */
const MAX_SOCKETS = 8;
const TAKEN_ELSEWHERE: ReadonlySet<string> = new Set([
  'RT_SOCKET_SUBSCRIPTIONS',
  'RT_SOCKET_FILTERS',
  'RT_SOCKET_CHANNELS',
  'RT_QUERY_IN_USE',
]);

export interface LiveConnectionsOptions {
  url: string;
  session: Session;
  WebSocket: unknown;
  onState(state: ConnectionState): void;
}

export class LiveConnections {
  #options: LiveConnectionsOptions;
  /** The first connection stays; the others are removed when they become idle. */
  #all: [LiveConnection, ...LiveConnection[]];
  #byText = new Map<string, FollowedQuery>();
  #channels = new Map<string, Channel>();
  #refusedBy = new WeakMap<Followed, Set<LiveConnection>>();
  #lastId = 0;
  #isClosed = false;

  constructor(options: LiveConnectionsOptions) {
    this.#options = options;
    this.#all = [this.#newConnection()];
  }

  /** State of a used connection that is not open; of any used connection if all are open. */
  get state(): ConnectionState {
    const [first] = this.#all;
    const used = this.#all.filter(({ state }) => state.is !== 'idle');
    return (used.find(({ state }) => !isUp(state)) ?? used[0] ?? first).state;
  }

  get tidemark(): string | undefined {
    return this.#options.session.tidemark;
  }

  /** Equal requests share one subscription. */
  follow(asked: Following, follower: Follower): FollowedQuery {
    this.#checkOpen();
    const text = JSON.stringify(asked);
    const known = this.#byText.get(text);
    if (known && !known.error) {
      known.add(follower);
      return known;
    }
    this.#lastId += 1;
    const query: FollowedQuery = new FollowedQuery({
      id: `q${this.#lastId}`,
      text,
      asked,
      onSeen: (tidemark) => this.#options.session.advance(tidemark),
      onFailed: () => this.#forget(query),
    });
    this.#byText.set(text, query);
    query.add(follower);
    this.#place(query)?.adopt(query);
    return query;
  }

  leave(query: FollowedQuery, follower: Follower): void {
    if (!query.followers.delete(follower) || query.followers.size > 0) return;
    query.close();
    this.#forget(query);
  }

  enter(channel: Channel): void {
    this.#checkOpen();
    const known = this.#channels.get(channel.name);
    if (known === channel) return;
    if (known) {
      const message = `the channel "${channel.name}" is already joined`;
      throw new TidemarkError({ code: 'CLIENT_CHANNEL_OPEN', message, hint: 'Use that channel, or leave it first.' });
    }
    this.#channels.set(channel.name, channel);
    this.#place(channel)?.adopt(channel);
  }

  exit(channel: Channel): void {
    if (this.#channels.get(channel.name) === channel) this.#forget(channel);
  }

  tokenChanged(): void {
    for (const connection of [...this.#all]) connection.tokenChanged();
  }

  retry(): void {
    for (const connection of [...this.#all]) connection.retry();
  }

  close(): void {
    this.#isClosed = true;
    this.#byText.clear();
    this.#channels.clear();
    for (const connection of [...this.#all]) connection.close();
  }

  #checkOpen(): void {
    if (!this.#isClosed) return;
    throw new TidemarkError({ code: 'CLIENT_CLOSED', message: 'the client is closed', hint: 'Create another client.' });
  }

  #newConnection(): LiveConnection {
    const { url, session, WebSocket } = this.#options;
    const connection: LiveConnection = new LiveConnection({
      url,
      session,
      WebSocket,
      onState: () => {
        if (connection.state.is === 'idle') this.#remove(connection);
        this.#options.onState(this.state);
      },
      onFull: (followed, error) => TAKEN_ELSEWHERE.has(error.code) && this.#move(followed, connection),
    });
    return connection;
  }

  #remove(connection: LiveConnection): void {
    const [first, ...others] = this.#all;
    if (connection !== first) this.#all = [first, ...others.filter((other) => other !== connection)];
  }

  #forget(followed: Followed): void {
    if (followed instanceof Channel) {
      if (this.#channels.get(followed.name) === followed) this.#channels.delete(followed.name);
    } else if (this.#byText.get(followed.text) === followed) this.#byText.delete(followed.text);
    (followed.host as LiveConnection | undefined)?.drop(followed);
  }

  /** Returns the first connection with room that has not refused it; undefined if all MAX_SOCKETS have. */
  #place(followed: Followed): LiveConnection | undefined {
    const refusedBy = this.#refusedBy.get(followed);
    const hasRoom = ({ queries, channels, limits }: LiveConnection) =>
      followed instanceof Channel ? channels.size < limits.channels : queries.size < limits.subscriptions;
    const found = this.#all.find((connection) => !refusedBy?.has(connection) && hasRoom(connection));
    if (found) return found;
    // The last connection asks anyway, so that the caller gets the server's error.
    if (this.#all.length >= MAX_SOCKETS) return refusedBy ? undefined : this.#all.at(-1);
    const connection = this.#newConnection();
    this.#all.push(connection);
    return connection;
  }

  #move(followed: Followed, from: LiveConnection): boolean {
    const refusedBy = this.#refusedBy.get(followed) ?? new Set();
    this.#refusedBy.set(followed, refusedBy.add(from));
    const to = this.#place(followed);
    if (!to) {
      // There may be room at the next retry.
      this.#refusedBy.delete(followed);
      return false;
    }
    followed.dispatch({ type: 'down' });
    from.drop(followed);
    to.adopt(followed);
    return true;
  }
}
