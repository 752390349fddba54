import { migrate, withConnection } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { run } from '../src/commands.ts';

const stack = await useTestStack();
const database = await stack.database();
t.teardown(() => database.drop());
await migrate(database.primaryUrl);

async function blueprint(...args: string[]): Promise<string> {
  const lines: string[] = [];
  await run({
    args: ['blueprint', ...args],
    env: { DATABASE_URL: database.primaryUrl },
    cwd: process.cwd(),
    print: (line) => lines.push(line),
    untilSignal: () => new Promise(() => {}),
  });
  return lines.join('\n');
}

t.test('blueprint lists, shows and loads, and a second load continues the large table', async (t) => {
  t.match(await blueprint('list'), /^fleet +fleet operations/m);
  t.match(await blueprint('show', 'fleet'), /^# fleet\n/);
  t.equal(
    await blueprint('load', 'fleet', '--rows', '40000'),
    'loaded fleet into the schema fleet\nfleet.telematics has 47,952 rows',
  );
  t.match(
    await blueprint('load', 'fleet', '--rows', '50000'),
    /^fleet is there already\nfleet.telematics has 55,944 rows$/,
  );
  t.match(await blueprint('list'), /^fleet +loaded/m);
  await withConnection(database.primaryUrl, 'test', async (query) => {
    const days = await query(
      `select (recorded_at at time zone 'UTC')::date as day, count(*)::int as rows from fleet.telematics
        where recorded_at < ((now() at time zone 'UTC')::date - 1) at time zone 'UTC' group by day order by day`,
    );
    t.same([...new Set(days.map(({ rows }) => rows))], [7_992], 'each day of the history is whole and there once');
  });
});

t.test('blueprint refuses what it does not know', async (t) => {
  await t.rejects(blueprint('load', 'nope'), { code: 'BLUEPRINT_UNKNOWN' });
  await t.rejects(blueprint('matches'), {
    code: 'CLI_USAGE',
    message: /list, show <name>, load <name> or play <name>, not "matches"/,
  });
  await t.rejects(blueprint('play', 'nope'), { code: 'BLUEPRINT_UNKNOWN' });
  await t.rejects(blueprint('play', 'matches', '--scale', '2'), {
    message: /--scale 2 is no number above 0 and up to 1/,
  });
  await t.rejects(blueprint('load', 'fleet', '--rows', 'many'), { message: /--rows many is no number of rows/ });
  await t.rejects(blueprint('load', 'matches', '--rows', '5'), { message: /matches has no table of any size/ });
});
