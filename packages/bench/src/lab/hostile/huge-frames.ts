import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { ANSWER_MS, type Attacker, count, openSocket, within } from './attacker.ts';

/** Bytes that are sent of a frame that announces 100 MiB, before the next socket is opened. */
const SENT_PIECES = 256;
const PIECE = Buffer.alloc(64 * 1024);

export const hugeFrames: Attacker = {
  name: 'huge-frames',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target);
    socket.write(
      `GET /live HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: tidemark.v1\r\n\r\n`,
    );
    if (!(await within(socket, 'data', ANSWER_MS))) {
      socket.destroy();
      return count(outcome, 'unanswered', target);
    }
    socket.resume();
    // A final text frame, masked, with a length of 64 bits.
    const head = Buffer.alloc(14);
    head[0] = 0x81;
    head[1] = 0xff;
    head.writeBigUInt64BE(100n * 1024n ** 2n, 2);
    socket.write(head);
    for (let n = 0; n < SENT_PIECES && !socket.destroyed && socket.writable; n += 1) {
      if (!socket.write(PIECE)) await drained(socket);
    }
    const isClosed = socket.destroyed || (await within(socket, 'close', ANSWER_MS));
    socket.destroy();
    count(outcome, isClosed ? 'refused' : 'served', target);
  },
};

/** Resolves when the socket takes more, or is closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
