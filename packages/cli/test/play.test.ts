/** Plays the stories of the blueprints at a tenth of their size against a stack that `tidemark up` starts. */

import { freePorts } from '@tidemark/testing';
import t from 'tap';
import type { Claim } from '../src/play/claim.ts';
import { play } from '../src/play/play.ts';
import { loadCredentials } from '../src/up/credentials.ts';
import { launch } from './tidemark-up.ts';

/** The stories of `play` bring two services of their own, whose ports are eight and nine after the gateway's. */
const PORTS = 10;
const SCALE = 0.1;

t.test('every claim about correctness holds, and each speed is measured', { timeout: 600_000 }, async (t) => {
  const up = await launch(t, { port: await freePorts(PORTS) });
  await up.line(/^ready /);
  const { secret } = await loadCredentials(up.home);
  const wanted = process.env.PLAY?.split(',') ?? ['matches', 'fleet', 'imaging', 'sync', 'corpus'];
  for (const name of wanted) {
    const lines: string[] = [];
    const claims = await play(name, {
      url: `http://127.0.0.1:${up.port}`,
      secret,
      scale: SCALE,
      print: (line) => {
        lines.push(line);
        if (process.env.PLAY_SHOW) console.error(line);
      },
    });
    t.ok(claims.length >= 4, `${name} has ${claims.length} claims`);
    for (const { claim, met, measured, isSpeed } of claims) {
      t.match(measured, /\d/, `${name}: ${claim} has a figure`);
      // A busy machine misses a time, and no other claim.
      if (!isSpeed) t.equal(met, true, `${name}: ${claim}: ${measured}`);
    }
    t.match(lines.at(-1), claims.at(-1)?.claim, 'the table ends the output');
  }
  await showsProgress(t, up.port, secret, wanted.length);
});

async function showsProgress(t: import('tap').Test, port: number, secret: string, stories: number): Promise<void> {
  const { signToken } = await import('../src/token.ts');
  const token = await signToken(secret, { role: 'ops', sub: 'ops' });
  const answer = await fetch(`http://127.0.0.1:${port}/rest/v1/progress?select=title,state,details&order=started_at`, {
    headers: { authorization: `Bearer ${token}`, 'accept-profile': 'tidemark' },
  });
  const rows = (await answer.json()) as { state: string; details: { claims: Claim[] } }[];
  t.equal(rows.length, stories, 'each story has a row of progress');
  t.ok(rows.every(({ state, details }) => state !== 'running' && details.claims.length > 0));
}
