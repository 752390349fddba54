/** Tests that the text of values in answers does not depend on settings of the database or of the gateway's login. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const { request } = await useGateway(t, {
  script: `
    create table told (id int primary key, day date, at timestamp, length interval, bytes bytea, part float8);
    insert into told values (1, '2026-02-01', '2026-02-01 10:00', '1 mon -2 days 03:04:05', '\\x00ff', 0.1::float8 + 0.2::float8);
    grant select on told to service_role;
    do $$ begin
      execute format('alter database %I set datestyle = ''German, DMY''', current_database());
      execute format('alter database %I set intervalstyle = iso_8601', current_database());
      execute format('alter database %I set bytea_output = escape', current_database());
      execute format('alter role %I in database %I set extra_float_digits = -6', current_user, current_database());
    end $$`,
});
const SERVICE = { claims: { role: 'service_role' } };

t.test('JSON and CSV have the values as Postgres writes them by default', async (t) => {
  const json = await request('/rest/v1/told', SERVICE);
  t.same(await json.json(), [
    {
      id: 1,
      day: '2026-02-01',
      at: '2026-02-01T10:00:00',
      length: '1 mon -2 days +03:04:05',
      bytes: '\\x00ff',
      part: 0.30000000000000004,
    },
  ]);
  const csv = await request('/rest/v1/told', { ...SERVICE, headers: { accept: 'text/csv' } });
  t.equal(
    (await csv.text()).trimEnd(),
    'id,day,at,length,bytes,part\n1,2026-02-01,2026-02-01 10:00:00,1 mon -2 days +03:04:05,\\x00ff,0.30000000000000004',
  );
});

t.test('dates in filters are read in the order of day and month that the database sets', async (t) => {
  const answer = await request('/rest/v1/told?select=id&day=eq.01/02/2026', SERVICE);
  t.same(await answer.json(), [{ id: 1 }]);
});
