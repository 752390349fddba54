import { randomBytes } from 'node:crypto';
import { type Attacker, send } from './attacker.ts';

const EMBEDS = 150;

export const newStatements: Attacker = {
  name: 'new-statements',
  // Each is a valid query; what it must not do is stay in a backend's memory.
  isRefused: false,
  async attempt(target, outcome) {
    const run = randomBytes(3).toString('hex');
    const embeds = Array.from({ length: EMBEDS }, (_, n) => `a${run}${n}:parents(id)`);
    await send(target, outcome, `/rest/v1/children?limit=1&select=id,${embeds.join(',')}`);
  },
};
