/** A plain WebSocket client that keeps what it was sent. */
import type { LiveChange, ServerFrame } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import { WebSocket } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every kind.
type Frame = ServerFrame & Record<string, any>;

export class LiveClient {
  readonly frames: Frame[] = [];
  /** Those that only say from where a snapshot's changes go on; they come when they come. */
  readonly places: Frame[] = [];
  readonly ws: WebSocket;
  /** Called with each frame. Listeners of the socket would be limited to ten. */
  readonly readers = new Set<(frame: Frame) => void>();
  closed: { code: number; reason: string } | undefined;

  constructor(url: string, options: { token?: string; protocols?: string[]; headers?: Record<string, string> } = {}) {
    const headers = { ...options.headers, ...(options.token ? { authorization: `Bearer ${options.token}` } : {}) };
    this.ws = new WebSocket(`${url}/live`, options.protocols ?? ['tidemark.v1'], { headers });
    this.ws.on('message', (data) => {
      const frame: Frame = JSON.parse(String(data));
      const isPlace = frame.op === 'changes' && frame.changes.length === 0 && frame.position?.endsWith('.FFFFFFFF');
      (isPlace ? this.places : this.frames).push(frame);
      for (const read of this.readers) read(frame);
    });
    // `close` follows, and the test reads its code.
    this.ws.on('error', () => {});
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  async open(): Promise<this> {
    await this.frame((frame) => frame.op === 'ready');
    return this;
  }

  send(frame: unknown): void {
    this.ws.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** The first frame that fits, once it is there. */
  async frame(fits: (frame: Frame) => boolean, from = 0): Promise<Frame> {
    let found: Frame | undefined;
    await until(
      () => {
        found = this.frames.slice(from).find(fits);
        return found !== undefined || this.closed !== undefined;
      },
      () => `a frame; there are ${JSON.stringify(this.frames).slice(-2_000)}`,
    );
    if (!found) throw new Error(`closed: ${JSON.stringify(this.closed)} after ${JSON.stringify(this.frames)}`);
    return found;
  }

  async subscribe(id: string, query: string, more: Record<string, unknown> = {}): Promise<number> {
    const from = this.frames.length;
    this.send({ op: 'subscribe', id, query, ...more });
    const isAnswer = (frame: Frame) => (frame.op === 'subscribed' || frame.op === 'error') && frame.id === id;
    const answer = await this.frame(isAnswer, from);
    if (answer.op === 'error') throw Object.assign(new Error(answer.message), { frame: answer });
    if (more.snapshot) {
      const { topic } = answer;
      const isEnd = (frame: Frame) =>
        frame.topic === topic && ((frame.op === 'snapshot' && frame.done) || frame.op === 'resync');
      const end = await this.frame(isEnd, from);
      if (end.op === 'resync') throw Object.assign(new Error(end.reason), { frame: end });
    }
    return answer.topic;
  }

  /** Subscribes again where a resync comes before the end of the snapshot. */
  async subscribeAnew(id: string, query: string, more: Record<string, unknown> = {}): Promise<number> {
    for (;;) {
      try {
        return await this.subscribe(id, query, more);
      } catch (error) {
        if ((error as { frame?: Frame }).frame?.op !== 'resync') throw error;
      }
    }
  }

  /** The error that a subscription is refused with. */
  async refusal(id: string, query: string, more: Record<string, unknown> = {}): Promise<Frame> {
    const from = this.frames.length;
    this.send({ op: 'subscribe', id, query, ...more });
    return this.frame((frame) => frame.op === 'error' && frame.id === id, from);
  }

  changes(topic?: number): LiveChange[] {
    return this.frames.flatMap((frame) =>
      frame.op === 'changes' && (topic === undefined || frame.topic === topic) ? frame.changes : [],
    );
  }

  async change(fits: (change: LiveChange) => boolean): Promise<LiveChange> {
    let found: LiveChange | undefined;
    await until(
      () => {
        found = this.changes().find(fits);
        return found !== undefined;
      },
      `a change; there are ${JSON.stringify(this.frames).slice(0, 2_000)}`,
    );
    return found as LiveChange;
  }

  async close(): Promise<void> {
    this.ws.close();
    await until(() => this.closed !== undefined, 'the socket to close');
  }
}
