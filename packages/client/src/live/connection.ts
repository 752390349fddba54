/**
 * The client's one live connection: opened when something is to be followed, opened again when it is lost, closed when
 * nothing is followed any more. connection-state.ts has its life; this file does what a state asks for.
 */
import { TidemarkError } from '../errors.ts';
import type { Session } from '../session.ts';
import type { Channel } from './channel.ts';
import { type ConnectionEvent, type ConnectionState, isUp, next } from './connection-state.ts';
import { elsewhere } from './elsewhere.ts';
import { FollowedQuery, type Follower, type Following } from './following.ts';
import { asError, type ClientFrame, type ServerFrame } from './frames.ts';
import { LiveSocket } from './live-socket.ts';
import { webSocketClass } from './web-socket.ts';

/** For the socket to open, and for the server to greet it, ms. */
const OPEN_MS = 10_000;

export interface LiveConnectionOptions {
  url: string;
  session: Session;
  /** The class to use in place of the runtime's. */
  WebSocket: unknown;
  onState(state: ConnectionState): void;
}

export class LiveConnection {
  #options: LiveConnectionOptions;
  #state: ConnectionState = { is: 'idle' };
  #queries = new Map<string, FollowedQuery>();
  /** The same, by what they ask. */
  #byText = new Map<string, FollowedQuery>();
  #channels = new Map<string, Channel>();
  #socket: LiveSocket | undefined;
  /** Where a server that stopped has sent this client, until it is not to be reached there. */
  #moved: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;

  constructor(options: LiveConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Follows a query for somebody; those who ask the same share it. */
  follow(asked: Following, follower: Follower): FollowedQuery {
    const text = JSON.stringify(asked);
    let query = this.#byText.get(text);
    if (!query || query.error) {
      query = this.#newQuery(asked, text);
      this.#byText.set(text, query);
      this.#queries.set(query.id, query);
    }
    query.add(follower);
    this.#happen({ type: 'wanted' });
    if (isUp(this.#state)) query.happen({ type: 'up' });
    return query;
  }

  leave(query: FollowedQuery, follower: Follower): void {
    query.followers.delete(follower);
    if (query.followers.size > 0 || !this.#queries.delete(query.id)) return;
    if (this.#byText.get(query.text) === query) this.#byText.delete(query.text);
    const isThere = query.topic !== undefined;
    query.close();
    if (isThere) this.send({ op: 'unsubscribe', id: query.id });
    this.#restIfUnwanted();
  }

  /** What the client's reads ask for at least. */
  get tidemark(): string | undefined {
    return this.#options.session.tidemark;
  }

  /** @throws CLIENT_CHANNEL_OPEN where another one of that name is entered: a socket is in a channel once */
  enter(channel: Channel): void {
    const known = this.#channels.get(channel.name);
    if (known === channel) return;
    if (known) {
      const message = `the channel "${channel.name}" is joined already`;
      throw new TidemarkError({ code: 'CLIENT_CHANNEL_OPEN', message, hint: 'Use that one, or leave it first.' });
    }
    this.#channels.set(channel.name, channel);
    this.#happen({ type: 'wanted' });
    if (isUp(this.#state)) channel.happen({ type: 'up' });
  }

  exit(channel: Channel, isThere: boolean): void {
    if (this.#channels.get(channel.name) !== channel) return;
    this.#channels.delete(channel.name);
    if (isThere) this.send({ op: 'leave', channel: channel.name });
    this.#restIfUnwanted();
  }

  send(frame: ClientFrame): void {
    this.#socket?.send(frame);
  }

  /**
   * Another token: sent in place, and the server says whose subscriptions end; a connection that was refused tries again.
   * Where it cannot be sent, what is kept of a query may be another identity's, and is taken afresh.
   */
  tokenChanged(): void {
    if (isUp(this.#state) && !this.#options.session.isAnonymous) {
      void this.#socket?.authenticate();
      return;
    }
    for (const followed of this.#followed()) followed.happen({ type: 'forget' });
    this.#lost('the token was taken away');
    this.#happen({ type: 'token' });
    this.#happen({ type: 'retry' });
  }

  /** Now, instead of when the wait is over: the page came to the front, the network is back. */
  retry(): void {
    if (this.#state.is === 'waiting') this.#happen({ type: 'retry' });
  }

  close(): void {
    for (const followed of this.#followed()) followed.happen({ type: 'close' });
    this.#queries.clear();
    this.#byText.clear();
    this.#channels.clear();
    this.#happen({ type: 'close' });
  }

  #newQuery(asked: Following, text: string): FollowedQuery {
    this.#lastId += 1;
    return new FollowedQuery({
      id: `q${this.#lastId}`,
      text,
      asked,
      send: (frame) => this.send(frame),
      onSeen: (tidemark) => this.#options.session.advance(tidemark),
    });
  }

  /** A copy: what is told may end and leave. */
  #followed(): (FollowedQuery | Channel)[] {
    return [...this.#queries.values(), ...this.#channels.values()];
  }

  #restIfUnwanted(): void {
    if (this.#queries.size + this.#channels.size === 0) this.#happen({ type: 'unwanted' });
  }

  #happen(event: ConnectionEvent): void {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state === before) return;
    clearTimeout(this.#timer);
    this.#entered(before);
    this.#options.onState(this.#state);
  }

  #entered(before: ConnectionState): void {
    const state = this.#state;
    if (state.is === 'open') {
      for (const followed of this.#followed()) followed.happen({ type: 'up' });
      return;
    }
    if (state.is === 'leaving') {
      this.#retryAt(state.retryAt);
      return;
    }
    if (state.is === 'connecting' || state.is === 'entering') {
      this.#timer = setTimeout(() => this.#lost(`no answer for ${OPEN_MS / 1_000} s`), OPEN_MS);
      if (state.is === 'entering') return;
    } else if (state.is !== 'waiting' || !isUp(before)) this.#moved = undefined;
    this.#socket?.close();
    this.#socket = undefined;
    if (isUp(before)) for (const followed of this.#followed()) followed.happen({ type: 'down' });
    if (state.is === 'connecting') this.#open();
    if (state.is === 'waiting') this.#retryAt(state.retryAt);
    if (state.is === 'stopped') {
      for (const followed of this.#followed()) followed.happen({ type: 'stopped', error: state.error });
    }
  }

  #retryAt(at: number): void {
    this.#timer = setTimeout(() => this.#happen({ type: 'retry' }), Math.max(0, at - Date.now()));
  }

  #open(): void {
    const { url, session, WebSocket } = this.#options;
    try {
      this.#socket = new LiveSocket(this.#moved ?? url, webSocketClass(WebSocket), session, {
        opened: () => this.#happen({ type: 'opened' }),
        ready: () => this.#happen({ type: 'ready' }),
        frame: (frame) => this.#receive(frame),
        lost: (reason) => this.#lost(reason),
        refused: (error) => this.#happen({ type: 'refused', error }),
      });
    } catch (cause) {
      const { message } = cause as Error;
      const hint = 'Give the gateway’s address, such as http://127.0.0.1:8080.';
      const error =
        cause instanceof TidemarkError
          ? cause
          : new TidemarkError({ code: 'CLIENT_URL_INVALID', message, hint }, { cause });
      // Not inside of the transition that asked for it.
      queueMicrotask(() => this.#happen({ type: 'refused', error }));
    }
  }

  #lost(reason: string): void {
    this.#happen({ type: 'lost', at: Date.now(), reason, jitter: Math.random() });
  }

  #receive(frame: ServerFrame): void {
    switch (frame.op) {
      case 'subscribed':
        this.#queries.get(frame.id)?.subscribed(frame);
        return;
      case 'snapshot':
        this.#ofTopic(frame.topic)?.snapshot(frame);
        return;
      case 'changes':
        this.#ofTopic(frame.topic)?.changes(frame);
        return;
      case 'resync':
        this.#ofTopic(frame.topic)?.resync(frame.reason);
        return;
      case 'error':
        if (frame.id !== undefined) this.#queries.get(frame.id)?.refused(asError(frame));
        else if (frame.channel !== undefined) this.#channels.get(frame.channel)?.refused(asError(frame));
        return;
      case 'joined':
        this.#channels.get(frame.channel)?.joined(frame);
        return;
      case 'left':
        this.#channels.get(frame.channel)?.left(frame);
        return;
      case 'message':
        this.#channels.get(frame.channel)?.message(frame);
        return;
      case 'presence':
        this.#channels.get(frame.channel)?.presence(frame);
        return;
      case 'draining':
        this.#moved = elsewhere(frame.url, this.#options.url);
        this.#happen({ type: 'draining', at: Date.now(), afterMs: frame.reconnectInMs });
    }
  }

  #ofTopic(topic: number): FollowedQuery | undefined {
    for (const query of this.#queries.values()) if (query.topic === topic) return query;
    return undefined;
  }
}
