import type net from 'node:net';
import { connectSocket } from './socket.ts';
import type { ConnectionTarget } from './url.ts';

const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4]);

export class DriverSocket {
  socket: net.Socket | undefined;
  /** When a socket ends during start-up, the driver asks for another one for ever: it gets only the first. */
  isRequested = false;
  readonly #abort = new AbortController();
  #isCorked = false;

  /** The listeners come before those of the driver, which buffers what it reads. */
  async open(target: ConnectionTarget, onData: (chunk: Buffer) => void, onClosed: () => void): Promise<net.Socket> {
    this.isRequested = true;
    const socket = await connectSocket(target, this.#abort.signal);
    this.socket = socket;
    socket.on('data', onData);
    socket.once('close', onClosed);
    return socket;
  }

  /** The driver writes in pieces of a kilobyte: corked until the end of this turn, many requests are one system call. */
  cork(): void {
    if (this.#isCorked || this.socket === undefined) return;
    this.#isCorked = true;
    this.socket.cork();
    setImmediate(() => {
      this.#isCorked = false;
      this.socket?.uncork();
    });
  }

  sendTerminate(): void {
    this.socket?.end(TERMINATE);
  }

  destroy(): void {
    this.#abort.abort();
    this.socket?.destroy();
  }
}
