import { pause } from '../../measuring/waiting.ts';
import { type Attacker, count, openSocket } from './attacker.ts';

const REQUEST = 'GET /rest/v1/children?select=id,note,parent HTTP/1.1\r\nHost: lab\r\n\r\n';
/** Together more than the kernel holds for a connection. */
const ANSWERS = 8;
const AGAIN_MS = 250;
/** The trial sets SLOW_READER_MS well below this; the rest is for a busy machine. */
const HOLD_MS = 30_000;

/** Asks for much, again and again on one connection, and reads nothing. */
export const slowReaders: Attacker = {
  name: 'slow-readers',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target);
    socket.pause();
    socket.write(REQUEST.repeat(ANSWERS));
    const began = performance.now();
    // Without reading, only a write notices that the server has ended the connection.
    while (!socket.destroyed && performance.now() - began < HOLD_MS) {
      await pause(AGAIN_MS);
      socket.write(REQUEST);
    }
    count(outcome, socket.destroyed ? 'refused' : 'served', target);
    socket.destroy();
  },
};
