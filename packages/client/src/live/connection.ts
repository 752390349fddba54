/**
 * One WebSocket's life for what is followed over it: opened when something is, opened again when it is lost, closed when nothing
 * is any more. connection-state.ts has that life; this file does what a state asks for.
 */
import type { TidemarkError } from '../errors.ts';
import type { Session } from '../session.ts';
import { Channel } from './channel.ts';
import { type ConnectionEvent, type ConnectionState, isUp, next } from './connection-state.ts';
import { Departures } from './departures.ts';
import { elsewhere } from './elsewhere.ts';
import type { FollowedQuery } from './following.ts';
import { asError, type ClientFrame, DEFAULT_LIMITS, type ServerFrame, type SocketLimits } from './frames.ts';
import { LiveSocket } from './live-socket.ts';
import { openingProblem, webSocketClass } from './web-socket.ts';

/** For the socket to open, and for the server to greet it, ms. */
const OPEN_MS = 10_000;
/** Open for so long, it is not taken for one of a series that is soon lost, ms. */
const SETTLED_MS = 10_000;
/** A socket that nothing uses any more is kept so long, ms: a page that is left is most times followed by another. */
const LINGER_MS = 1_000;

export type Followed = FollowedQuery | Channel;

export interface LiveConnectionOptions {
  url: string;
  session: Session;
  /** The class to use in place of the runtime's. */
  WebSocket: unknown;
  onState(): void;
  /** This socket is too full for it, or follows the same already. @returns whether it went to another one */
  onFull(followed: Followed, error: TidemarkError): boolean;
}

export class LiveConnection {
  limits: SocketLimits = DEFAULT_LIMITS;
  readonly queries = new Map<string, FollowedQuery>();
  readonly channels = new Map<string, Channel>();
  #options: LiveConnectionOptions;
  #state: ConnectionState = { is: 'idle' };
  #departures = new Departures();
  #socket: LiveSocket | undefined;
  /** Where a server that stopped has sent this client, until it is not to be reached there. */
  #moved: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lingering: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveConnectionOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  adopt(followed: Followed): void {
    if (this.#state.is === 'stopped') for (const other of this.#followed()) if (other.error) this.drop(other);
    if (followed instanceof Channel) this.channels.set(followed.name, followed);
    else this.queries.set(followed.id, followed);
    followed.host = this;
    clearTimeout(this.#lingering);
    this.#happen({ type: 'wanted' });
    if (isUp(this.#state)) followed.happen({ type: 'up' });
  }

  drop(followed: Followed): void {
    if (followed instanceof Channel) this.channels.delete(followed.name);
    else this.queries.delete(followed.id);
    followed.host = undefined;
    if (this.queries.size + this.channels.size > 0 || this.#state.is === 'idle') return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.#happen({ type: 'unwanted' }), LINGER_MS);
  }

  /** @throws CLIENT_FRAME_TOO_LARGE, CLIENT_TOO_FAST */
  send(frame: ClientFrame): void {
    this.#socket?.send(frame);
  }

  unsubscribe(id: string): void {
    const isUnsent = this.#socket?.cancel((frame) => frame.op === 'subscribe' && frame.id === id);
    if (isUnsent) return;
    this.#departures.unsubscribing(id);
    this.send({ op: 'unsubscribe', id });
  }

  leaveChannel(name: string): void {
    if (this.#socket?.cancel((frame) => frame.op === 'join' && frame.channel === name)) return;
    this.#departures.leaving(name);
    this.send({ op: 'leave', channel: name });
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
    clearTimeout(this.#lingering);
    for (const followed of this.#followed()) followed.happen({ type: 'close' });
    this.queries.clear();
    this.channels.clear();
    this.#happen({ type: 'close' });
  }

  /** A copy: what is told may end and leave. */
  #followed(): Followed[] {
    return [...this.queries.values(), ...this.channels.values()];
  }

  #happen(event: ConnectionEvent): void {
    const before = this.#state;
    this.#state = next(before, event);
    if (this.#state === before) return;
    if (this.#state.is === before.is && this.#state.is === 'open') return;
    clearTimeout(this.#timer);
    this.#entered(before);
    this.#options.onState();
  }

  #entered(before: ConnectionState): void {
    const state = this.#state;
    if (state.is === 'open') {
      this.#timer = setTimeout(() => this.#happen({ type: 'settled' }), SETTLED_MS);
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
    this.#departures = new Departures();
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
        ready: (limits) => {
          this.limits = limits;
          this.#happen({ type: 'ready' });
        },
        frame: (frame) => this.#receive(frame),
        lost: (reason) => this.#lost(reason),
        refused: (error) => this.#happen({ type: 'refused', error }),
      });
    } catch (cause) {
      const error = openingProblem(cause);
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
        this.#ofAsk(frame.id)?.subscribed(frame);
        return;
      case 'unsubscribed':
        this.#departures.unsubscribed(frame.id);
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
        this.#refused(frame);
        return;
      case 'joined':
      case 'left':
      case 'message':
      case 'presence':
        if (this.#departures.isPresent(frame)) this.channels.get(frame.channel)?.receive(frame);
        return;
      case 'draining':
        this.#moved = elsewhere(frame.url, this.#options.url);
        this.#happen({ type: 'draining', at: Date.now(), afterMs: frame.reconnectInMs });
    }
  }

  #refused(frame: ServerFrame & { op: 'error' }): void {
    const error = asError(frame);
    if (frame.channel !== undefined) {
      if (!this.#departures.isPresent(frame)) return;
      const channel = this.channels.get(frame.channel);
      if (!channel || (channel.isAsking && this.#options.onFull(channel, error))) return;
      channel.refused(error);
    } else if (frame.id !== undefined) {
      if (frame.frame === 'unsubscribe') this.#departures.unsubscribed(frame.id);
      const query = this.#ofAsk(frame.id);
      if (!query || (query.isAsking(frame.id) && this.#options.onFull(query, error))) return;
      query.refused(error, frame.id);
    } else if (frame.code === 'RT_FRAME_RATE') {
      // Which frames were not read is not told: all that were not answered may be among them.
      this.#socket?.slowDown();
      const again = this.#departures.unanswered((name) => this.channels.has(name));
      for (const followed of this.#followed()) followed.unanswered(error);
      for (const departure of again) this.send(departure);
    }
  }

  /** A query's id has the number of the subscribe behind it. */
  #ofAsk(id: string): FollowedQuery | undefined {
    return this.queries.get(id.split('.')[0] as string);
  }

  #ofTopic(topic: number): FollowedQuery | undefined {
    for (const query of this.queries.values()) if (query.topic === topic) return query;
    return undefined;
  }
}
