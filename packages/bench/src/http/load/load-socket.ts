/**
 * Does the minimum, because it shares the processors with the servers: a client that costs half of a request (undici:
 * 42 µs of 130) slows the fastest one most.
 */
import { connect, type Socket } from 'node:net';
import { errors } from '../../errors.ts';
import type { LoadRequest } from './messages.ts';
import { type ReceivedResponse, ResponseReader } from './response-reader.ts';

/** Below the 5 s after which Node's servers close idle connections. */
const MAX_IDLE_MS = 4_000;
/** Data is processed before the next read, so that all sockets of the process share one buffer. */
const shared = Buffer.allocUnsafeSlow(256 * 1024);

export interface Prepared {
  readonly bytes: Buffer;
  readonly includes: Buffer;
  readonly request: LoadRequest;
}

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
  #done: ((response: ReceivedResponse | Error) => void) | undefined;
  #usedAt = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async ready(): Promise<void> {
    if (this.#socket && !this.#socket.destroyed && performance.now() - this.#usedAt < MAX_IDLE_MS) return;
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
      socket.once('close', () => reject(errors.NO_ANSWER({ reason: 'the connection has ended' })));
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(errors.NO_ANSWER({ reason: 'the connection has ended' })));
    this.#usedAt = performance.now();
  }

  send({ bytes, includes, request }: Prepared, done: (response: ReceivedResponse | Error) => void): void {
    this.#done = done;
    this.#reader.expect(includes, request.bytes === undefined);
    if (this.#socket && !this.#socket.destroyed) this.#socket.write(bytes);
    else this.#end(errors.NO_ANSWER({ reason: 'the connection has ended' }));
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  giveUp(reason: string): void {
    this.close();
    this.#end(errors.NO_ANSWER({ reason }));
  }

  #received(socket: Socket, data: Buffer): void {
    if (socket !== this.#socket) return;
    let response: ReceivedResponse | undefined;
    try {
      response = this.#reader.read(data);
    } catch (error) {
      this.close();
      this.#end(error as Error);
      return;
    }
    if (!response) return;
    this.#usedAt = performance.now();
    if (response.closes) this.close();
    this.#end(response);
  }

  #end(response: ReceivedResponse | Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(response);
  }
}
