/**
 * Opens for the first query or channel, reopens when lost, and closes after the last. connection-state.ts decides the
 * states; this file performs their effects.
 */
import type { TidemarkError } from '../errors.ts';
import type { Session } from '../session.ts';
import { Channel } from './channel.ts';
import { type ConnectionEvent, type ConnectionState, isUp, next } from './connection-state.ts';
import type { FollowedQuery } from './followed-query.ts';
import { asError, type ClientFrame, DEFAULT_LIMITS, type ServerFrame, type SocketLimits } from './frames.ts';
import { LiveSocket } from './live-socket.ts';
import { PendingLeaves } from './pending-leaves.ts';
import { redirectUrl } from './redirect-url.ts';
import { openingProblem, webSocketClass } from './web-socket.ts';

const OPEN_MS = 10_000;
/** Time after which an open connection counts as stable and its backoff starts again at the first attempt, ms. */
const SETTLED_MS = 10_000;
/** Time for which an unused socket stays open, ms: after leaving one page, an application usually opens another. */
const LINGER_MS = 1_000;

export type Followed = FollowedQuery | Channel;

export interface LiveConnectionOptions {
  url: string;
  session: Session;
  WebSocket: unknown;
  onState(): void;
  /** This socket has reached a limit or follows the same query; returns whether another socket took it. */
  onFull(followed: Followed, error: TidemarkError): boolean;
}

export class LiveConnection {
  limits: SocketLimits = DEFAULT_LIMITS;
  readonly queries = new Map<string, FollowedQuery>();
  readonly channels = new Map<string, Channel>();
  #options: LiveConnectionOptions;
  #state: ConnectionState = { is: 'idle' };
  #pendingLeaves = new PendingLeaves();
  #socket: LiveSocket | undefined;
  /** Address that a stopping server named; used until a connection to it fails. */
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
    this.#dispatch({ type: 'wanted' });
    if (isUp(this.#state)) followed.dispatch({ type: 'up' });
  }

  drop(followed: Followed): void {
    if (followed instanceof Channel) this.channels.delete(followed.name);
    else this.queries.delete(followed.id);
    followed.host = undefined;
    if (this.queries.size + this.channels.size > 0 || this.#state.is === 'idle') return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.#dispatch({ type: 'unwanted' }), LINGER_MS);
  }

  send(frame: ClientFrame): void {
    this.#socket?.send(frame);
  }

  unsubscribe(id: string): void {
    const isUnsent = this.#socket?.cancel((frame) => frame.op === 'subscribe' && frame.id === id);
    if (isUnsent) return;
    this.#pendingLeaves.unsubscribing(id);
    this.send({ op: 'unsubscribe', id });
  }

  leaveChannel(name: string): void {
    if (this.#socket?.cancel((frame) => frame.op === 'join' && frame.channel === name)) return;
    this.#pendingLeaves.leaving(name);
    this.send({ op: 'leave', channel: name });
  }

  /**
   * Without a new token, the rows held may belong to another identity: all queries start again, and a refused
   * connection reconnects.
   */
  tokenChanged(): void {
    if (isUp(this.#state) && !this.#options.session.isAnonymous) {
      void this.#socket?.authenticate();
      return;
    }
    for (const followed of this.#followed()) followed.dispatch({ type: 'forget' });
    this.#lost('the token was removed');
    this.#dispatch({ type: 'token' });
    this.#dispatch({ type: 'retry' });
  }

  retry(): void {
    if (this.#state.is === 'waiting') this.#dispatch({ type: 'retry' });
  }

  close(): void {
    clearTimeout(this.#lingering);
    for (const followed of this.#followed()) followed.dispatch({ type: 'close' });
    this.queries.clear();
    this.channels.clear();
    this.#dispatch({ type: 'close' });
  }

  /** Returns a copy, because a query or channel may remove itself while it handles an event. */
  #followed(): Followed[] {
    return [...this.queries.values(), ...this.channels.values()];
  }

  #dispatch(event: ConnectionEvent): void {
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
      this.#timer = setTimeout(() => this.#dispatch({ type: 'settled' }), SETTLED_MS);
      for (const followed of this.#followed()) followed.dispatch({ type: 'up' });
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
    this.#pendingLeaves = new PendingLeaves();
    if (isUp(before)) for (const followed of this.#followed()) followed.dispatch({ type: 'down' });
    if (state.is === 'connecting') this.#open();
    if (state.is === 'waiting') this.#retryAt(state.retryAt);
    if (state.is === 'stopped') {
      for (const followed of this.#followed()) followed.dispatch({ type: 'stopped', error: state.error });
    }
  }

  #retryAt(at: number): void {
    this.#timer = setTimeout(() => this.#dispatch({ type: 'retry' }), Math.max(0, at - Date.now()));
  }

  #open(): void {
    const { url, session, WebSocket } = this.#options;
    try {
      this.#socket = new LiveSocket(this.#moved ?? url, webSocketClass(WebSocket), session, {
        opened: () => this.#dispatch({ type: 'opened' }),
        ready: (limits) => {
          this.limits = limits;
          this.#dispatch({ type: 'ready' });
        },
        frame: (frame) => this.#receive(frame),
        lost: (reason) => this.#lost(reason),
        refused: (error) => this.#dispatch({ type: 'refused', error }),
      });
    } catch (cause) {
      const error = openingProblem(cause);
      // The transition to `connecting` has to end first.
      queueMicrotask(() => this.#dispatch({ type: 'refused', error }));
    }
  }

  #lost(reason: string): void {
    this.#dispatch({ type: 'lost', at: Date.now(), reason, jitter: Math.random() });
  }

  #receive(frame: ServerFrame): void {
    switch (frame.op) {
      case 'subscribed':
        this.#queryOf(frame.id)?.subscribed(frame);
        return;
      case 'unsubscribed':
        this.#pendingLeaves.unsubscribed(frame.id);
        return;
      case 'snapshot':
        this.#followerOf(frame.topic)?.snapshot(frame);
        return;
      case 'changes':
        this.#followerOf(frame.topic)?.changes(frame);
        return;
      case 'resync':
        this.#followerOf(frame.topic)?.resync(frame.reason);
        return;
      case 'error':
        this.#refused(frame);
        return;
      case 'joined':
      case 'left':
      case 'message':
      case 'presence':
        if (this.#pendingLeaves.isPresent(frame)) this.channels.get(frame.channel)?.receive(frame);
        return;
      case 'draining':
        this.#moved = redirectUrl(frame.url, this.#options.url);
        this.#dispatch({ type: 'draining', at: Date.now(), afterMs: frame.reconnectInMs });
    }
  }

  #refused(frame: ServerFrame & { op: 'error' }): void {
    const error = asError(frame);
    if (frame.channel !== undefined) {
      if (!this.#pendingLeaves.isPresent(frame)) return;
      const channel = this.channels.get(frame.channel);
      if (!channel || (channel.isAsking && this.#options.onFull(channel, error))) return;
      channel.refused(error);
    } else if (frame.id !== undefined) {
      if (frame.frame === 'unsubscribe') this.#pendingLeaves.unsubscribed(frame.id);
      const query = this.#queryOf(frame.id);
      if (!query || (query.isAsking(frame.id) && this.#options.onFull(query, error))) return;
      query.refused(error, frame.id);
    } else if (frame.code === 'RT_FRAME_RATE') {
      // The error does not say which frames the server dropped: all unanswered ones are sent again.
      this.#socket?.slowDown();
      const leaves = this.#pendingLeaves.unanswered((name) => this.channels.has(name));
      for (const followed of this.#followed()) followed.unanswered(error);
      for (const leave of leaves) this.send(leave);
    }
  }

  /** A subscribe's id is the query's id, a dot and the number of the attempt. */
  #queryOf(id: string): FollowedQuery | undefined {
    return this.queries.get(id.split('.')[0] as string);
  }

  #followerOf(topic: number): FollowedQuery | undefined {
    for (const query of this.queries.values()) if (query.topic === topic) return query;
    return undefined;
  }
}
