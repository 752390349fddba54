/** `npm start` in a clean clone of the last commit, as an ordinary user, with nothing but Node, npm and git. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, unprivilegedUser } from '@tidemark/local-stack';
import { cleanClone } from '@tidemark/testing/clean-clone';
import t from 'tap';

/** A token, or a password in an address. */
const SECRET = /\beyJ|:\/\/\w+:[0-9a-f]+@/;

t.test('an ordinary user starts a clean clone', { timeout: 390_000 }, async (t) => {
  // Packages are fetched once on each machine.
  const keptHome = join(await cacheFolder(unprivilegedUser()), 'clone-home');
  const undo: (() => Promise<void>)[] = [];
  t.teardown(async () => {
    for (const step of undo.reverse()) await step();
  });
  const clone = await cleanClone({ cleanup: (step) => undo.push(step), keptHome });
  t.ok(clone.isOrdinaryUser);

  const up = await clone.start();
  t.comment(`ready after ${up.seconds.toFixed(1)} s`);
  t.match(up.output(), new RegExp(`^ready ${up.url}$`, 'm'));
  t.match(up.output(), SECRET, 'the first start prints tokens and passwords');
  const rows = await fetch(`${up.url}/rest/v1/matches?limit=1`);
  t.equal(rows.status, 200);
  t.equal(((await rows.json()) as unknown[]).length, 1, 'with demo data');
  t.match(await (await fetch(`${up.url}/`)).text(), /console/);

  // Printed commands can be pasted.
  const { version } = JSON.parse(await readFile(join(clone.folder, 'package.json'), 'utf8')) as { version: string };
  t.match(await clone.shell('npx --no -- tidemark --version'), version);
  const link = (await clone.shell('npx --no -- tidemark console')).trim();
  t.match(link, new RegExp(`^${up.url}/console/#code=[\\w-]+$`));
  t.match(await clone.shell('npx --no -- tidemark live status'), /commentary/);
  t.match(await clone.shell('npx --no -- tidemark doctor'), /./);

  t.equal(await up.stop(), 0, 'no process is left');
  t.match(up.output(), 'stopping NATS, the replica and the primary');

  const again = await clone.start();
  t.comment(`the second time after ${again.seconds.toFixed(1)} s`);
  t.notMatch(again.output(), SECRET, 'no later one does');
  t.match(again.output(), new RegExp(`^examples ${again.url}/examples/#code=[\\w-]+$`, 'm'));
  t.notMatch(again.output(), /building|installing/);
  t.match(await clone.shell('npx --no -- tidemark database'), SECRET);
  t.match(await clone.shell('npx --no -- tidemark examples'), '/examples/#code=');
  t.equal(await again.stop(), 0);
  t.equal(await clone.shell('git status --porcelain'), '', 'everything new is ignored by git');
});
