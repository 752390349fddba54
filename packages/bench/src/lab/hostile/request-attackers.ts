import { randomBytes } from 'node:crypto';
import { pause } from '../../measuring/waiting.ts';
import { type Attacker, send } from './attacker.ts';

const JSON_BODY = { 'content-type': 'application/json', prefer: 'return=minimal' };
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const FORGED = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64({ role: 'service_role' })}`;

const badTokens: Attacker = {
  name: 'bad-tokens',
  isRefused: true,
  async attempt(target, outcome) {
    const authorization = `Bearer ${FORGED}.${randomBytes(32).toString('base64url')}`;
    await send(target, outcome, '/rest/v1/entries?limit=1', { headers: { authorization } });
  },
};

const HUGE = [
  '/rest/v1/parents?select=*,children(*,parents(*,children(*,parents(*))))',
  '/rest/v1/children?select=json_agg',
  '/rest/v1/children?select=note,parents(children(note,parents(children(note))))',
];
let next = 0;

const hugeAnswers: Attacker = {
  name: 'huge-answers',
  isRefused: true,
  async attempt(target, outcome) {
    next += 1;
    await send(target, outcome, HUGE[next % HUGE.length] as string);
  },
};

const JOB = JSON.stringify({ kind: 'images', priority: 'high', spec: { files: 'x'.repeat(100_000) } });

const jobFloods: Attacker = {
  name: 'job-floods',
  isRefused: true,
  attempt: (target, outcome) =>
    send(target, outcome, '/api/v1/jobs', { method: 'POST', headers: JSON_BODY, body: JOB }),
};

const metricsFloods: Attacker = {
  name: 'metrics-floods',
  isRefused: true,
  async attempt(target, outcome) {
    await Promise.all(Array.from({ length: 4 }, () => send(target, outcome, '/metrics')));
  },
};

const EMBEDS = 150;

const newStatements: Attacker = {
  name: 'new-statements',
  // Each is a valid query, whose prepared statement must not stay in a backend's memory.
  isRefused: false,
  async attempt(target, outcome) {
    const run = randomBytes(3).toString('hex');
    const embeds = Array.from({ length: EMBEDS }, (_, n) => `a${run}${n}:parents(id)`);
    await send(target, outcome, `/rest/v1/children?limit=1&select=id,${embeds.join(',')}`);
  },
};

const NOTE = 'x'.repeat(2 * 1024 ** 2);

const oversizeRows: Attacker = {
  name: 'oversize-rows',
  // The insert is allowed; subscribers that may not see the row must not be interrupted.
  isRefused: false,
  async attempt(target, outcome) {
    const row = { id: `oversize-${randomBytes(8).toString('hex')}`, owner: 'nobody', note: NOTE };
    await send(target, outcome, '/rest/v1/posts', { method: 'POST', headers: JSON_BODY, body: JSON.stringify(row) });
    await pause(200);
  },
};

export const requestAttackers = [badTokens, hugeAnswers, jobFloods, metricsFloods, newStatements, oversizeRows];
