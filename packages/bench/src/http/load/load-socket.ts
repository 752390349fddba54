/**
 * An HTTP/1.1 client that does as little as can be: one request in flight, what is sent is made once, of the answer only its
 * status, its length and a text in it are looked at. It shares the processors with what is measured: a client that costs half of
 * a server's request (undici: 42 µs of 130) takes most from the fastest server.
 */
import { connect, type Socket } from 'node:net';
import { errors } from '../../errors.ts';
import type { LoadRequest } from './messages.ts';
import { type ReadResponse, ResponseReader } from './response-reader.ts';

/** Node's servers end a connection that was idle for 5 s; one that is about to be ended is not used. */
const IDLE_MOST_MS = 4_000;
/** Data is handled before the next read: one buffer for all sockets of the process. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

export interface Prepared {
  readonly bytes: Buffer;
  readonly includes: Buffer;
  readonly request: LoadRequest;
}

/** The bytes that are sent each time. */
export function prepare(request: LoadRequest, host: string): Prepared {
  const { method, path, headers = {}, body } = request;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host, ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`);
  return { bytes, includes: Buffer.from(request.includes), request };
}

export class LoadSocket {
  #port: number;
  #socket: Socket | undefined;
  #reader = new ResponseReader();
  #done: ((answer: ReadResponse | Error) => void) | undefined;
  #usedAt = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Before the clock runs. @throws what connecting throws */
  async ready(): Promise<void> {
    if (this.#socket && !this.#socket.destroyed && performance.now() - this.#usedAt < IDLE_MOST_MS) return;
    this.close();
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: shared,
        callback: (size, buffer) => {
          this.#received(socket, (buffer as Buffer).subarray(0, size));
          return true;
        },
      },
    });
    this.#socket = socket;
    this.#reader = new ResponseReader();
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
      // Given up while it connects: then there is no error.
      socket.once('close', () => reject(errors.NO_ANSWER({ reason: 'the connection has ended' })));
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(errors.NO_ANSWER({ reason: 'the connection has ended' })));
    this.#usedAt = performance.now();
  }

  /** `done` is called once. */
  send({ bytes, includes, request }: Prepared, done: (answer: ReadResponse | Error) => void): void {
    this.#done = done;
    this.#reader.expect(includes, request.bytes === undefined);
    if (this.#socket && !this.#socket.destroyed) this.#socket.write(bytes);
    else this.#end(errors.NO_ANSWER({ reason: 'the connection has ended' }));
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** It is not waited for any longer. */
  giveUp(reason: string): void {
    this.close();
    this.#end(errors.NO_ANSWER({ reason }));
  }

  #received(socket: Socket, data: Buffer): void {
    if (socket !== this.#socket) return;
    let answer: ReadResponse | undefined;
    try {
      answer = this.#reader.read(data);
    } catch (error) {
      this.close();
      this.#end(error as Error);
      return;
    }
    if (!answer) return;
    this.#usedAt = performance.now();
    if (answer.closes) this.close();
    this.#end(answer);
  }

  #end(answer: ReadResponse | Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(answer);
  }
}
