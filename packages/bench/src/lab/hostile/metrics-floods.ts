import { type Attacker, send } from './attacker.ts';

export const metricsFloods: Attacker = {
  name: 'metrics-floods',
  isRefused: true,
  async attempt(target, outcome) {
    await Promise.all(Array.from({ length: 4 }, () => send(target, outcome, '/metrics')));
  },
};
