/** Facts of a table that is dropped and made again, over and over, while they are read. */
import { openDatabase } from '@tidemark/db';
import t from 'tap';
import { loadTableFacts } from '../../src/tables/load-table-facts.ts';
import { startTestRealtime } from '../test-realtime.ts';

const PARTED = `create table public.parted (id int, grp int, primary key (id, grp)) partition by list (grp);
create table public.parted_0 partition of public.parted for values in (0);
alter table public.parted enable row level security;
create policy shown on public.parted for select to authenticated using (id > 0);
grant select on public.parted to authenticated;
alter publication tidemark add table public.parted`;

t.test('neither rejects a table that changes while its facts are read nor ignores its policies', async (t) => {
  const service = await startTestRealtime(PARTED);
  t.teardown(() => service.stop());
  const database = await openDatabase({ primaryUrl: service.database.primaryUrl, applicationName: 'torn' });
  t.teardown(() => database.close());
  let isChanging = true;
  const changes = (async () => {
    for (let n = 0; n < 100; n += 1) await service.results(`begin; drop table public.parted; ${PARTED}; commit`);
    isChanging = false;
  })();
  const identity = { role: 'authenticated', claims: '{}' };
  const parted = { schema: 'public', table: 'parted' };
  const told = new Set<string>();
  const read = async () => {
    while (isChanging) {
      const facts = loadTableFacts(database, identity, 'tidemark', parted);
      told.add(
        await facts.then(
          ({ policy }) => String(policy),
          ({ code }) => code,
        ),
      );
    }
    told.add(String((await loadTableFacts(database, identity, 'tidemark', parted)).policy));
  };
  await Promise.all([changes, read(), read(), read()]);
  told.delete('RT_TABLE_CHANGING');
  // A catalog function raises it where the table is dropped while it looks at it; the facts are read again.
  told.delete('XX000');
  t.same([...told], ['(((id > 0)))']);
});
