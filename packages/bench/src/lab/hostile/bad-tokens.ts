import { randomBytes } from 'node:crypto';
import { type Attacker, send } from './attacker.ts';

const HEAD = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');
const CLAIMS = Buffer.from(JSON.stringify({ role: 'service_role' })).toString('base64url');

export const badTokens: Attacker = {
  name: 'bad-tokens',
  isRefused: true,
  async attempt(target, outcome) {
    const authorization = `Bearer ${HEAD}.${CLAIMS}.${randomBytes(32).toString('base64url')}`;
    await send(target, outcome, '/rest/v1/entries?limit=1', { headers: { authorization } });
  },
};
