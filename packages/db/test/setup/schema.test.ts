import { readFile, writeFile } from 'node:fs/promises';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import type { DbEvent } from '../../src/events.ts';
import { compareSchema, SCHEMA_LINES } from '../../src/setup/schema-dump.ts';
import { openTestDatabase } from '../open-test-database.ts';

const KEPT = new URL('../../schema.txt', import.meta.url);

t.test('schema.txt matches the migrations, and a change by hand is reported', async (t) => {
  const { db, url, events } = await openTestDatabase(t, { replica: false });
  const { admin } = db.pools;
  const found = `${(await admin.query(SCHEMA_LINES.text))[0]!.lines}\n`;
  if (process.env.UPDATE_SCHEMA === '1') await writeFile(KEPT, found);
  t.same(
    compareSchema(await readFile(KEPT, 'utf8'), found),
    { missing: [], unexpected: [] },
    'after a new migration: UPDATE_SCHEMA=1 npx tap test/setup/schema.test.ts, and commit schema.txt',
  );
  const drift = (all: DbEvent[]) => all.filter(({ type }) => type === 'db.schema_drifted');
  t.same(drift(events), []);

  await admin.query('drop index tidemark.files_job_id');
  await admin.query('grant insert on tidemark.epochs to anon');
  await admin.query('alter table tidemark.jobs add column mine int');
  // A further policy on files is one's own right; a changed one of ours is not.
  await admin.query(
    'create policy mine on tidemark.files for select to authenticated using (job_id in (select id from tidemark.jobs))',
  );
  await admin.query('alter policy files_all on tidemark.files using (false)');
  const seen: DbEvent[] = [];
  const again = await openDatabase({ primaryUrl: url, applicationName: 'drift', observe: (event) => seen.push(event) });
  t.teardown(() => again.close());
  t.match(drift(seen), [
    {
      missing: [/^index CREATE INDEX files_job_id/, /^policy files.files_all /],
      unexpected: [
        'column jobs.mine integer',
        'grant insert on epochs to anon',
        /^policy files.files_all .* using false/,
      ],
      error: { code: 'DB_SCHEMA_DRIFTED' },
    },
  ]);
});
