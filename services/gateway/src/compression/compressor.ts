/** Compresses bodies and streams, so many at a time, and counts it. */
import { pipeline, type Readable } from 'node:stream';
import { type Choice, type Coding, encodingChooser } from './accept-encoding.ts';
import { availableCodecs, type Codec, type CodingStream } from './codings.ts';

/** Bodies being compressed. Node has four threads for it; of more, the last would wait longer than it saves: it goes out plain. */
const MAX_PENDING = 64;
/** What has come is passed on at least this often, so that a slow stream is not held back until a block is full. */
const FLUSH_MS = 100;

export interface CompressionCounts {
  bodies: number;
  streams: number;
  bytesIn: number;
  bytesOut: number;
  /** Answers that went out plain because too many were being compressed. */
  busy: number;
  pending: number;
}

export class Compressor {
  readonly choose: (header: string) => Choice;
  readonly #codecs: ReadonlyMap<Coding, Codec>;
  readonly #counts = { bodies: 0, streams: 0, bytesIn: 0, bytesOut: 0, busy: 0 };
  /** Of answers that are kept: the same is not compressed twice at a time. */
  readonly #underWay = new WeakMap<object, Map<Coding, Promise<Buffer>>>();
  #pending = 0;

  constructor(codecs: ReadonlyMap<Coding, Codec> = availableCodecs()) {
    this.#codecs = codecs;
    this.choose = encodingChooser([...codecs.keys()]);
  }

  /** Undefined while too many are under way. `of` is what the body belongs to, where it is kept. */
  compress(body: string | Buffer, coding: Coding, of?: object): Promise<Buffer> | undefined {
    const there = of && this.#underWay.get(of)?.get(coding);
    if (there) return there;
    if (this.#pending >= MAX_PENDING) {
      this.#counts.busy += 1;
      return undefined;
    }
    this.#pending += 1;
    const done = this.#compress(body, coding).finally(() => {
      this.#pending -= 1;
      if (of) this.#underWay.get(of)?.delete(coding);
    });
    if (of) this.#underWay.set(of, (this.#underWay.get(of) ?? new Map()).set(coding, done));
    return done;
  }

  /** With backpressure; an error of the source breaks it off, and when the reader goes the source ends. */
  stream(source: Readable, coding: Coding): Readable {
    this.#counts.streams += 1;
    const coder = (this.#codecs.get(coding) as Codec).stream();
    flushInTime(source, coder);
    // Errors reach whoever reads the coder; here there is nothing more to do about them.
    return pipeline(source, coder, () => undefined);
  }

  counts(): CompressionCounts {
    return { ...this.#counts, pending: this.#pending };
  }

  async #compress(body: string | Buffer, coding: Coding): Promise<Buffer> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const out = await (this.#codecs.get(coding) as Codec).compress(bytes);
    this.#counts.bodies += 1;
    this.#counts.bytesIn += bytes.length;
    this.#counts.bytesOut += out.length;
    return out;
  }
}

function flushInTime(source: Readable, coder: CodingStream): void {
  let timer: NodeJS.Timeout | undefined;
  source.on('data', () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!coder.destroyed && !coder.writableEnded) coder.flush();
    }, FLUSH_MS);
  });
  const over = () => clearTimeout(timer);
  source.once('end', over).once('close', over);
}
