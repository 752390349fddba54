import { ANSWER_MS, type Attacker, count, openSocket, within } from './attacker.ts';

const REQUESTS = [
  'GET /rest/v1/entries?limit=1 HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  'GET /rest/v1/entries?limit=1 HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
];
let next = 0;

/** Upgrades that nobody takes: answered as plain HTTP, or refused, but never left open. */
export const oddUpgrades: Attacker = {
  name: 'odd-upgrades',
  isRefused: false,
  async attempt(target, outcome) {
    const socket = openSocket(target);
    next += 1;
    socket.write(REQUESTS[next % REQUESTS.length] as string);
    const isAnswered = await within(socket, 'data', ANSWER_MS);
    socket.destroy();
    count(outcome, isAnswered ? 'served' : 'unanswered', target);
  },
};
