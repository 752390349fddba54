import { type Attacker, send } from './attacker.ts';

const SPEC = JSON.stringify({ kind: 'images', priority: 'high', spec: { files: 'x'.repeat(100_000) } });

export const jobFloods: Attacker = {
  name: 'job-floods',
  isRefused: true,
  async attempt(target, outcome) {
    const headers = { 'content-type': 'application/json' };
    await send(target, outcome, '/api/v1/jobs', { method: 'POST', headers, body: SPEC });
  },
};
