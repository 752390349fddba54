/**
 * A channel as the program holds it: messages and presence between its members, at most once, never kept. It is joined again
 * by itself after the connection was lost; what was sent meanwhile is missed.
 */
import { TidemarkError } from '../errors.ts';
import type { LiveConnection } from './connection.ts';
import type { LiveStatus } from './event.ts';
import { type FollowingEvent, type FollowingState, nextFollowing } from './following-state.ts';
import type { ClientFrame, FrameOf } from './frames.ts';

/** What others see of a member. */
export interface Member {
  /** Of one socket in this channel. */
  id: string;
  /** The claim `sub` of its token; null in a channel that anybody may join, such as `public:news`: show a name in `state` there. */
  user: string | null;
  state: Record<string, unknown>;
}

export interface ChannelMessage<Payload = unknown> {
  event: string;
  payload: Payload;
  /** The member's id. */
  from: string;
}

export interface ChannelOptions {
  /** Shown to the others, at most 1 KB. Without: it is not shown that this client is here. */
  state?: Record<string, unknown>;
}

type Listener<Given> = (given: Given) => void;

export class Channel {
  readonly name: string;
  #connection: LiveConnection;
  #shown: Record<string, unknown> | undefined;
  #life: FollowingState = { is: 'off', from: 'now', attempt: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #members = new Map<string, Member>();
  #own: string | undefined;
  #onMessage = new Set<Listener<ChannelMessage>>();
  #onMembers = new Set<Listener<readonly Member[]>>();
  #onStatus = new Set<(status: LiveStatus, error: TidemarkError | undefined) => void>();
  #onError = new Set<Listener<TidemarkError>>();

  constructor(connection: LiveConnection, name: string, options: ChannelOptions) {
    this.#connection = connection;
    this.name = name;
    this.#shown = options.state;
  }

  /** The id that others see as `from`; undefined while it is not joined. */
  get id(): string | undefined {
    return this.#own;
  }

  /** Those who show a state, this client among them. */
  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get status(): LiveStatus {
    const { is } = this.#life;
    if (is === 'following') return 'live';
    if (is === 'resting') return 'waiting';
    return is === 'failed' || is === 'closed' ? is : 'connecting';
  }

  get error(): TidemarkError | undefined {
    return this.#life.is === 'failed' ? this.#life.error : undefined;
  }

  /** Resolves once it is joined. @throws TidemarkError where the policies do not let it */
  async join(): Promise<this> {
    this.#connection.enter(this);
    await new Promise<void>((resolve, reject) => {
      const stop = this.onStatus((status, error) => {
        if (status === 'live') resolve();
        else if (status === 'failed') reject(error);
        else if (status === 'closed') reject(notJoined(this.name));
        else return;
        queueMicrotask(() => stop());
      });
    });
    return this;
  }

  leave(): void {
    const isThere = this.#life.is === 'following';
    this.happen({ type: 'close' });
    this.#connection.exit(this, isThere);
  }

  /** To everybody else who is joined now. @throws CLIENT_NOT_JOINED while it is not; refusals come to `onError` */
  send(event: string, payload?: unknown): void {
    if (this.#life.is !== 'following') throw notJoined(this.name);
    this.#connection.send({ op: 'send', channel: this.name, event, ...(payload === undefined ? {} : { payload }) });
  }

  /** Shows another state from now on. */
  show(state: Record<string, unknown>): void {
    this.#shown = state;
    if (this.#life.is === 'following') this.#connection.send({ op: 'state', channel: this.name, state });
  }

  /** @returns how to stop that */
  onMessage(listener: Listener<ChannelMessage>): () => void {
    return add(this.#onMessage, listener);
  }

  onMembers(listener: Listener<readonly Member[]>): () => void {
    return add(this.#onMembers, listener);
  }

  onError(listener: Listener<TidemarkError>): () => void {
    return add(this.#onError, listener);
  }

  onStatus(listener: (status: LiveStatus, error: TidemarkError | undefined) => void): () => void {
    listener(this.status, this.error);
    return add(this.#onStatus, listener);
  }

  /** The connection's side from here on. */
  happen(event: FollowingEvent): void {
    const before = this.#life;
    this.#life = nextFollowing(before, event, 'now');
    if (this.#life.is === before.is) return;
    clearTimeout(this.#timer);
    if (this.#life.is === 'asking') this.#connection.send(this.#joinFrame());
    if (this.#life.is === 'resting') {
      const wait = Math.max(0, this.#life.retryAt - Date.now());
      this.#timer = setTimeout(() => this.happen({ type: 'retry' }), wait);
    }
    if (this.#life.is !== 'following') {
      this.#own = undefined;
      this.#members.clear();
    }
    for (const listener of this.#onStatus) listener(this.status, this.error);
  }

  joined(frame: FrameOf<'joined'>): void {
    this.#own = frame.member;
    for (const member of frame.members) this.#members.set(member.id, member);
    this.happen({ type: 'subscribed' });
    this.#tellMembers();
  }

  presence(frame: FrameOf<'presence'>): void {
    for (const id of frame.left) this.#members.delete(id);
    for (const member of frame.joined) this.#members.set(member.id, member);
    this.#tellMembers();
  }

  message({ event, payload, from }: FrameOf<'message'>): void {
    for (const listener of this.#onMessage) listener({ event, payload, from });
  }

  /** Joining again says whether it still may. */
  left(frame: FrameOf<'left'>): void {
    const reason = frame.reason ?? '';
    this.happen({ type: 'resync', at: Date.now(), reason, jitter: Math.random() });
  }

  refused(error: TidemarkError): void {
    if (this.#life.is === 'following') for (const listener of this.#onError) listener(error);
    else this.happen({ type: 'refused', at: Date.now(), error, jitter: Math.random() });
  }

  #joinFrame(): ClientFrame {
    const { tidemark } = this.#connection;
    return {
      op: 'join',
      channel: this.name,
      ...(this.#shown === undefined ? {} : { state: this.#shown }),
      ...(tidemark === undefined ? {} : { tidemark }),
    };
  }

  #tellMembers(): void {
    for (const listener of this.#onMembers) listener(this.members);
  }
}

function add<Given>(listeners: Set<Given>, listener: Given): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const notJoined = (name: string) =>
  new TidemarkError({
    code: 'CLIENT_NOT_JOINED',
    message: `the channel "${name}" is not joined`,
    hint: 'Await join(), and send while its status is "live".',
  });
