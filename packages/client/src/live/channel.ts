/**
 * A channel as the program holds it: messages and presence between its members, at most once, never kept. It is joined again
 * by itself after the connection was lost; what was sent meanwhile is missed.
 */
import { TidemarkError } from '../errors.ts';
import type { ChannelHost, ChannelMessage, ChannelOptions, Listener, Member } from './channel-types.ts';
import type { LiveConnections } from './connections.ts';
import type { LiveStatus } from './event.ts';
import { type FollowingEvent, type FollowingState, nextFollowing } from './following-state.ts';
import type { ClientFrame, FrameOf } from './frames.ts';
import { ANSWER_MS, noAnswer, Refusals } from './refusals.ts';
import { tell } from './tell.ts';

/** As long as it is not asked for by anybody. */
const OFF: FollowingState = { is: 'off', from: 'now', attempt: 0 };

export class Channel {
  readonly name: string;
  /** Undefined while it is not entered, or moved from one to another. */
  host: ChannelHost | undefined;
  #connection: LiveConnections;
  #shown: Record<string, unknown> | undefined;
  #life: FollowingState = OFF;
  #refusals = new Refusals();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #members = new Map<string, Member>();
  #own: string | undefined;
  #onMessage = new Set<Listener<ChannelMessage>>();
  #onMembers = new Set<Listener<readonly Member[]>>();
  #onStatus = new Set<(status: LiveStatus, error: TidemarkError | undefined) => void>();
  #onError = new Set<Listener<TidemarkError>>();

  constructor(connection: LiveConnections, name: string, options: ChannelOptions) {
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

  /** Resolves once it is joined, again too after it was left. @throws TidemarkError where the policies do not let it */
  async join(): Promise<this> {
    if (this.#life.is === 'closed' || this.#life.is === 'failed') {
      this.#connection.exit(this);
      this.#refusals.forget();
      this.#life = OFF;
    }
    this.#connection.enter(this);
    await new Promise<void>((resolve, reject) => {
      const stop = this.onStatus((status, error) => {
        if (status === 'live') resolve();
        else if (status === 'failed') reject(error);
        else if (status === 'closed') reject(notJoined(this.name));
        else if (this.#refusals.tooMany) reject(this.#refusals.tooMany);
        else return;
        queueMicrotask(() => stop());
      });
    });
    return this;
  }

  leave(): void {
    this.#abandon();
    this.happen({ type: 'close' });
    this.#connection.exit(this);
  }

  /** Of its own accord: the server is told, also before it has answered. */
  #abandon(): void {
    if (this.isAsking || this.#life.is === 'following') this.host?.leaveChannel(this.name);
  }

  get isAsking(): boolean {
    return this.#life.is === 'asking';
  }

  /** To everybody else who is joined now. @throws CLIENT_NOT_JOINED while it is not; refusals come to `onError` */
  send(event: string, payload?: unknown): void {
    if (this.#life.is !== 'following') throw notJoined(this.name);
    this.host?.send({ op: 'send', channel: this.name, event, ...(payload === undefined ? {} : { payload }) });
  }

  /** Shows another state from now on. */
  show(state: Record<string, unknown>): void {
    this.#shown = state;
    if (this.#life.is === 'following') this.host?.send({ op: 'state', channel: this.name, state });
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
    const life = this.#life;
    if (life.is === 'asking') {
      this.#timer = setTimeout(() => this.unanswered(noAnswer(`the join of "${this.name}"`)), ANSWER_MS);
      this.#ask();
      if (this.#life !== life) return;
    }
    if (life.is === 'following') this.#refusals.forget();
    if (life.is === 'resting') {
      const wait = Math.max(0, life.retryAt - Date.now());
      this.#timer = setTimeout(() => this.happen({ type: 'retry' }), wait);
    }
    if (this.#life.is !== 'following') {
      this.#own = undefined;
      this.#members.clear();
    }
    tell(this.#onStatus, this.status, this.error);
    if (event.type === 'refused' && this.error) this.#connection.exit(this);
  }

  receive(frame: FrameOf<'joined' | 'left' | 'message' | 'presence'>): void {
    if (frame.op === 'joined') this.#joined(frame);
    else if (frame.op === 'left') this.#left(frame);
    else if (frame.op === 'message') this.#message(frame);
    else this.#presence(frame);
  }

  #joined(frame: FrameOf<'joined'>): void {
    if (!this.isAsking) return;
    this.#own = frame.member;
    for (const member of frame.members) this.#members.set(member.id, member);
    this.happen({ type: 'subscribed' });
    this.#tellMembers();
  }

  #presence(frame: FrameOf<'presence'>): void {
    if (this.#life.is !== 'following') return;
    for (const id of frame.left) this.#members.delete(id);
    for (const member of frame.joined) this.#members.set(member.id, member);
    this.#tellMembers();
  }

  #message({ event, payload, from }: FrameOf<'message'>): void {
    tell(this.#onMessage, { event, payload, from });
  }

  /** Joining again says whether it still may. */
  #left(frame: FrameOf<'left'>): void {
    const reason = frame.reason ?? '';
    this.happen({ type: 'resync', at: Date.now(), reason, jitter: Math.random() });
  }

  refused(error: TidemarkError): void {
    if (this.#life.is === 'following') {
      tell(this.#onError, error);
      return;
    }
    this.#refusals.add(error);
    this.happen({ type: 'refused', at: Date.now(), error, jitter: Math.random() });
  }

  /** The server may not have read what was sent last. */
  unanswered(error: TidemarkError): void {
    if (this.#life.is === 'following' && this.#shown) this.show(this.#shown);
    if (!this.isAsking) return;
    this.#abandon();
    this.refused(error);
  }

  #ask(): void {
    try {
      this.host?.send(this.#joinFrame());
    } catch (error) {
      this.refused(error as TidemarkError);
    }
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
    tell(this.#onMembers, this.members);
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
