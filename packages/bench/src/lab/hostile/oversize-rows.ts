import { randomBytes } from 'node:crypto';
import { type Attacker, send } from './attacker.ts';

/** More than a message of the stream of changes holds. */
const NOTE = 'x'.repeat(2 * 1024 ** 2);

export const oversizeRows: Attacker = {
  name: 'oversize-rows',
  // The table takes the row; those who may not see it must not feel it.
  isRefused: false,
  async attempt(target, outcome) {
    await send(target, outcome, '/rest/v1/posts', {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'return=minimal' },
      body: JSON.stringify({ id: `oversize-${randomBytes(8).toString('hex')}`, owner: 'nobody', note: NOTE }),
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
  },
};
