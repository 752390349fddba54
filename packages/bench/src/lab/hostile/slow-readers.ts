import { pause } from '../until.ts';
import { type Attacker, count, openSocket, within } from './attacker.ts';

/** The trial sets SLOW_READER_MS well below this. */
const HOLD_MS = 5_000;
/** For what has come before the connection was cut off to be read. */
const REST_MS = 5_000;

/** Asks for much, again and again on one connection, and reads nothing. */
export const slowReaders: Attacker = {
  name: 'slow-readers',
  isRefused: true,
  async attempt(target, outcome) {
    const socket = openSocket(target);
    socket.pause();
    socket.write('GET /rest/v1/children?select=id,note,parent HTTP/1.1\r\nHost: lab\r\n\r\n'.repeat(8));
    await pause(HOLD_MS);
    // Node notices the end of a connection only when it reads.
    socket.resume();
    const isCutOff = await within(socket, 'close', REST_MS);
    socket.destroy();
    count(outcome, isCutOff ? 'refused' : 'served', target);
  },
};
