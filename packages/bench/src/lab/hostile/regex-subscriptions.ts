import { openRawSocket } from '../../live/clients/raw-socket.ts';
import { ANSWER_MS, type Attacker, count } from './attacker.ts';

/** A pattern with hundreds of thousands of states, to be matched with each change. */
const HELLO = JSON.stringify({
  op: 'subscribe',
  id: 'a',
  query: 'entries?note=match..{0,255}.{0,255}.{0,255}Z',
  snapshot: false,
});
const STAY_MS = 1_000;

export const regexSubscriptions: Attacker = {
  name: 'regex-subscriptions',
  isRefused: true,
  async attempt(target, outcome) {
    const answer = await new Promise<'refused' | 'served' | 'unanswered'>((resolve) => {
      const timer = setTimeout(done, ANSWER_MS, 'unanswered');
      const socket = openRawSocket({
        dialect: 'tidemark',
        port: target.port,
        path: '/live',
        token: undefined,
        hello: HELLO,
        // It stays for a while, so that the pattern meets changes.
        onReady: () => void setTimeout(done, STAY_MS, 'served'),
        onChange: () => undefined,
        onOther: () => done('refused'),
      });
      function done(how: 'refused' | 'served' | 'unanswered') {
        clearTimeout(timer);
        socket.destroy();
        resolve(how);
      }
    });
    count(outcome, answer, target);
  },
};
