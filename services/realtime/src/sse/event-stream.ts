/** The event's data is the frame's JSON, its name the op, and its id the position, for `Last-Event-ID`. */
import type { ServerResponse } from 'node:http';
import type { ServerFrame } from '@tidemark/contracts';
import { errors } from '../errors.ts';
import { drained } from '../sockets/drained.ts';
import type { Sink } from '../topics/subscription.ts';

const ROOM_TIMEOUT_MS = 15_000;
const HEAD = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // The header keeps nginx from buffering the response.
  'x-accel-buffering': 'no',
};
/** The position in a frame, at the place where frame.ts writes it. */
const POSITION_OF = {
  changes: /^\{"op":"changes","topic":\d+,"position":"([0-9a-z]+-[0-9A-F.]+)"/,
  snapshot: /"position":"([0-9a-z]+-[0-9A-F.]+)"\}$/,
};
const END = Buffer.from('\n\n');
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BLANK = 0x20;
/** Pause of an EventSource before it reconnects, ms. It is random, since it applies for the life of the page. */
const RETRY_MS = { minimum: 500, spread: 1_000 };

export class EventStream implements Sink {
  readonly name: string;
  readonly holder: string;
  #response: ServerResponse;
  #maxBufferedBytes: number;
  #slowSince: number | undefined;

  constructor(name: string, holder: string, response: ServerResponse, maxBufferedBytes: number) {
    this.name = name;
    this.holder = holder;
    this.#response = response;
    this.#maxBufferedBytes = maxBufferedBytes;
  }

  get closed(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  write(frames: Buffer): boolean {
    if (this.closed || this.bufferedBytes > this.#maxBufferedBytes) return false;
    this.tell(frames);
    return true;
  }

  /** This needs no limit of its own, since the stream ends after its subscription. */
  tell(frames: Buffer): void {
    if (this.closed) return;
    const parts: Buffer[] = [];
    for (let at = 0; at < frames.length; ) {
      const { start, end } = payloadAt(frames, at);
      const json = frames.subarray(start, end);
      parts.push(Buffer.from(headOf(json)), oneLine(json), END);
      at = end;
    }
    this.#send(Buffer.concat(parts));
  }

  ping(): void {
    if (!this.closed) this.#send(':\n\n');
  }

  /** An EventSource reconnects by itself, `retry` after the end. Other clients may do so when they like, at `url`. */
  sendDraining(ms: number, url: string | undefined): void {
    if (this.closed) return;
    const retryMs = Math.round(RETRY_MS.minimum + Math.random() * RETRY_MS.spread);
    const frame = { op: 'draining', reconnectInMs: ms, ...(url === undefined ? {} : { url }) } satisfies ServerFrame;
    this.#send(`event: draining\nretry: ${retryMs}\ndata: ${JSON.stringify(frame)}\n\n`);
  }

  async room(): Promise<void> {
    const deadline = Date.now() + ROOM_TIMEOUT_MS;
    while (!this.closed && this.bufferedBytes > this.#maxBufferedBytes / 2) {
      if (Date.now() > deadline) this.#response.destroy();
      else await drained(this.#response, deadline - Date.now());
    }
    if (this.closed) throw errors.NOT_FOLLOWING({ reason: 'the client has gone' });
  }

  slowSince(now: number): number | undefined {
    if (this.bufferedBytes <= this.#maxBufferedBytes / 2) this.#slowSince = undefined;
    else this.#slowSince ??= now;
    return this.#slowSince;
  }

  end(): void {
    if (!this.closed) this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  #send(text: Buffer | string): void {
    // The head is sent with the first event, so that a refused query is answered with its status.
    if (!this.#response.headersSent) this.#response.writeHead(200, HEAD);
    this.#response.write(text);
  }
}

/** Returns the bounds of an unmasked frame's payload, with a short, a 16-bit or a 64-bit length (RFC 6455 §5.2). */
function payloadAt(frames: Buffer, at: number): { start: number; end: number } {
  const length = frames[at + 1] as number;
  if (length < 126) return { start: at + 2, end: at + 2 + length };
  if (length === 126) return { start: at + 4, end: at + 4 + frames.readUInt16BE(at + 2) };
  return { start: at + 10, end: at + 10 + Number(frames.readBigUInt64BE(at + 2)) };
}

/** Line breaks between a json value's tokens would end the event's line. The frame is shared, so it is copied. */
function oneLine(json: Buffer): Buffer {
  if (!json.includes(LINE_FEED) && !json.includes(CARRIAGE_RETURN)) return json;
  const line = Buffer.from(json);
  for (const end of [LINE_FEED, CARRIAGE_RETURN]) {
    for (let at = line.indexOf(end); at >= 0; at = line.indexOf(end, at + 1)) line[at] = BLANK;
  }
  return line;
}

function headOf(json: Buffer): string {
  const start = json.toString('latin1', 0, 200);
  const [, op = 'message'] = /^\{"op":"([a-z]+)"/.exec(start) ?? [];
  // EventSource uses the name error for its own failures.
  if (op === 'error') return 'event: problem\ndata: ';
  // A resync clears the id, so that the client starts with a snapshot.
  if (op === 'resync') return 'event: resync\nid:\ndata: ';
  let position: string | undefined;
  if (op === 'changes') [, position] = POSITION_OF.changes.exec(start) ?? [];
  else if (op === 'snapshot') [, position] = POSITION_OF.snapshot.exec(json.toString('latin1', json.length - 80)) ?? [];
  return `event: ${op}\n${position === undefined ? '' : `id: ${position}\n`}data: `;
}
