/** Plays the stories of the blueprints at a tenth of their size, and uses the example pages, on a stack that `tidemark up` starts. */
import { freePorts, until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import type { Claim } from '../src/play/claim.ts';
import { play } from '../src/play/play.ts';
import { signToken } from '../src/token.ts';
import { loadCredentials } from '../src/up/credentials.ts';
import { usePages } from './example-pages.ts';
import { launch } from './tidemark-up.ts';

/** The stories bring two services of their own, whose ports are eight and nine after the gateway's. */
const PORTS = 10;
const SCALE = 0.1;
const STORIES = ['matches', 'fleet', 'imaging', 'sync', 'corpus'];

const up = await launch(t, { port: await freePorts(PORTS), env: { DEMO_SCALE: String(SCALE) } });
await up.line(/^ready /);
const url = `http://127.0.0.1:${up.port}`;
const { secret, tokens } = await loadCredentials(up.home);

t.test('every claim about correctness holds, and each speed is measured', { timeout: 900_000 }, async (t) => {
  for (const name of STORIES) {
    const lines: string[] = [];
    const claims = await play(name, { url, secret, scale: SCALE, print: (line) => lines.push(line) });
    t.ok(claims.length >= 4, `${name} has ${claims.length} claims`);
    for (const { claim, met, measured, isSpeed } of claims) {
      t.match(measured, /\d/, `${name}: ${claim} has a figure`);
      // A busy machine misses a time, and no other claim.
      if (!isSpeed) t.equal(met, true, `${name}: ${claim}: ${measured}`);
    }
    t.ok(lines.at(-1)?.includes(claims.at(-1)?.measured as string), 'the table ends the output');
  }
  await showsProgress(t);
});

t.test('the example pages work in a browser', { timeout: 300_000 }, (t) => usePages(t, url, tokens.user));

async function showsProgress(t: Test): Promise<void> {
  const token = await signToken(secret, { role: 'ops', sub: 'ops' });
  const headers = { authorization: `Bearer ${token}`, 'accept-profile': 'tidemark' };
  // A replica may be behind the last update.
  const rows = await until(async () => {
    const answer = await fetch(`${url}/rest/v1/progress?select=state,details&title=not.like.load*`, { headers });
    const found = (await answer.json()) as { state: string; details: { claims: Claim[] } }[];
    return found.some(({ state }) => state === 'running') ? undefined : found;
  });
  t.equal(rows.length, STORIES.length, 'each story has a row of progress');
  for (const { details } of rows) t.ok(details.claims.length > 0, 'with its claims');
}
