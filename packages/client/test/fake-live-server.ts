/** A server of the subscriptions and channels of `tidemark.v1` within the process, whose answers and faults a test chooses. */
import type { ClientFrame, ServerFrame } from '@tidemark/contracts';

interface Subscription {
  topic: number;
  query: string;
}

/** Answers in order, each in a task of its own. */
export class FakeLiveServer {
  readonly sockets = new Set<FakeSocket>();
  opened = 0;
  frames = 0;
  /** The maximum number of frames that a socket sent within one second. */
  busiest = 0;
  perSocket = 100;
  /** Frames that the server reads a second. */
  perSecond = 200;
  /** Answers to the next subscribes and joins; later ones are accepted. */
  answers: ('take' | 'refuse' | 'forbid' | 'none')[] = [];
  readonly WebSocket: new (
    url: string,
  ) => FakeSocket;

  constructor() {
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(_url: string) {
        super(server);
      }
    };
  }

  get subscriptions(): number {
    let count = 0;
    for (const socket of this.sockets) count += socket.subscriptions.size;
    return count;
  }

  get members(): number {
    let count = 0;
    for (const socket of this.sockets) count += socket.channels.size;
    return count;
  }
}

export class FakeSocket {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  readonly subscriptions = new Map<string, Subscription>();
  readonly channels = new Set<string>();
  #server: FakeLiveServer;
  #second = -1;
  #inSecond = 0;
  #isOpen = false;

  constructor(server: FakeLiveServer) {
    this.#server = server;
    server.opened += 1;
    server.sockets.add(this);
    setTimeout(() => {
      if (!server.sockets.has(this)) return;
      this.#isOpen = true;
      this.onopen?.(undefined as never);
      this.say({ op: 'ready', role: 'anon' });
    }, 5);
  }

  say(frame: ServerFrame): void {
    setTimeout(() => {
      if (this.#server.sockets.has(this)) this.onmessage?.({ data: JSON.stringify(frame) });
    }, 1);
  }

  send(text: string): void {
    if (!this.#isOpen) throw new Error('the socket is not open yet');
    this.#server.frames += 1;
    const second = Math.floor(Date.now() / 1_000);
    this.#inSecond = second === this.#second ? this.#inSecond + 1 : 1;
    this.#second = second;
    this.#server.busiest = Math.max(this.#server.busiest, this.#inSecond);
    if (this.#inSecond > this.#server.perSecond) {
      const error = { op: 'error', code: 'RT_FRAME_RATE', message: 'too fast', retry: true } as const;
      if (this.#inSecond === this.#server.perSecond + 1) this.say(error);
      return;
    }
    const frame = JSON.parse(text) as ClientFrame;
    setTimeout(() => {
      if (this.#server.sockets.has(this)) this.#answer(frame);
    }, 1);
  }

  close(): void {
    this.#server.sockets.delete(this);
  }

  /** Closes the socket as a network failure or the server would. */
  cut(code = 1006): void {
    if (!this.#server.sockets.delete(this)) return;
    this.onclose?.({ code, reason: '' });
  }

  resync(): void {
    for (const [id, { topic }] of this.subscriptions) {
      this.subscriptions.delete(id);
      this.say({ op: 'resync', topic, reason: 'a test wants it' });
    }
  }

  #answer(frame: ClientFrame): unknown {
    const refuse = (code: string, retry: boolean, names: object) =>
      this.say({ op: 'error', code, message: code, retry, frame: frame.op, ...names });
    switch (frame.op) {
      case 'ping':
        this.say({ op: 'pong' });
        return undefined;
      case 'subscribe': {
        const { id, query } = frame;
        const how = this.#server.answers.shift() ?? 'take';
        if (how === 'none') return undefined;
        if (how !== 'take') return refuse(how === 'forbid' ? '42501' : 'RT_SNAPSHOTS_BUSY', how === 'refuse', { id });
        if (this.subscriptions.size >= this.#server.perSocket) return refuse('RT_SOCKET_SUBSCRIPTIONS', true, { id });
        const same = [...this.subscriptions.values()].some((other) => other.query === query);
        if (same) return refuse('RT_QUERY_IN_USE', false, { id });
        const topic = Number(/\d+/.exec(query)?.[0] ?? 0);
        this.subscriptions.set(id, { topic, query });
        this.say({ op: 'subscribed', id, topic, key: ['id'] });
        if (frame.snapshot) this.say({ op: 'snapshot', topic, rows: [{ id: 1 }], done: true, position: 'e-1.1' });
        return undefined;
      }
      case 'unsubscribe':
        if (this.subscriptions.delete(frame.id)) this.say({ op: 'unsubscribed', id: frame.id });
        else refuse('RT_ID_UNKNOWN', false, { id: frame.id });
        return undefined;
      case 'join': {
        const how = this.#server.answers.shift() ?? 'take';
        const { channel } = frame;
        if (how === 'none') return undefined;
        if (how !== 'take')
          return refuse(how === 'forbid' ? 'RT_CHANNEL_FORBIDDEN' : 'RT_STATES_FULL', how === 'refuse', { channel });
        if (this.channels.has(channel)) return refuse('RT_CHANNEL_JOINED', false, { channel });
        this.channels.add(channel);
        this.say({ op: 'joined', channel, member: `m${this.#server.frames}`, members: [] });
        return undefined;
      }
      case 'leave':
        if (this.channels.delete(frame.channel)) this.say({ op: 'left', channel: frame.channel });
        else refuse('RT_CHANNEL_NOT_JOINED', false, { channel: frame.channel });
    }
    return undefined;
  }
}
