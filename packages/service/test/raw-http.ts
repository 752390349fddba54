/** HTTP by hand, for what a client's library would not send. */
import { connect, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  readonly text: () => string;
  /** Resolves to all that came, once the server has closed. */
  readonly closed: Promise<string>;
  /** Resolves once what came satisfies `holds`. */
  until(holds: (text: string) => boolean): Promise<string>;
}

const NEVER_MS = 10_000;

export function openRaw(port: number, request = ''): RawConnection {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  // `close` follows, and the test waits for it.
  socket.on('error', () => {});
  if (request) socket.write(request, 'latin1');
  return {
    socket,
    text: () => text,
    closed: new Promise((resolve) => socket.once('close', () => resolve(text))),
    async until(holds) {
      for (const deadline = Date.now() + NEVER_MS; !holds(text); ) {
        if (Date.now() > deadline || socket.destroyed) throw new Error(`it does not come; there is ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return text;
    },
  };
}
