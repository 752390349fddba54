import { type Attacker, send } from './attacker.ts';

/** Each embed multiplies the rows. */
const PATHS = [
  '/rest/v1/parents?select=*,children(*,parents(*,children(*,parents(*))))',
  '/rest/v1/children?select=json_agg',
  '/rest/v1/children?select=note,parents(children(note,parents(children(note))))',
];
let next = 0;

export const hugeAnswers: Attacker = {
  name: 'huge-answers',
  isRefused: true,
  async attempt(target, outcome) {
    next += 1;
    await send(target, outcome, PATHS[next % PATHS.length] as string);
  },
};
