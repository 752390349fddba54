/** Only columns of the table select the rows of a write; what the request embeds shapes its answer. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const gateway = await useGateway(t, {
  script: `
    create table teams (id int primary key, name text);
    create table people (id int primary key, team int references teams, note text);
    insert into teams values (1, 'red');
    insert into people values (1, 1, 'a'), (2, null, 'b');
    grant select, insert, update, delete on teams, people to authenticated;`,
});
const claims = { role: 'authenticated' };

async function ask(method: string, path: string, body?: unknown) {
  const answer = await gateway.request(`/rest/v1/${path}`, {
    method,
    claims,
    headers: { prefer: 'return=representation, tx=rollback' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return [answer.status, await answer.json()] as [number, { code: string }];
}

t.test('a null test selects by the column, where an embed has its name', async (t) => {
  const without = [{ id: 2, team: null }];
  t.same(await ask('PATCH', 'people?team=is.null&select=id,team(name)', { note: 'c' }), [200, without]);
  t.same(await ask('DELETE', 'people?team=is.null&select=id,team(name)'), [200, without]);
  const within = [{ id: 1, team: { name: 'red' } }];
  t.same(await ask('DELETE', 'people?team=not.is.null&select=id,team(name)'), [200, within]);
  t.same(await ask('DELETE', 'people?or=(team.is.null,id.eq.9)&select=id,team(name)'), [200, without]);
});

t.test('a null test of an embed that is no column is refused', async (t) => {
  for (const [method, body] of [
    ['PATCH', { note: 'c' }],
    ['DELETE', undefined],
  ] as const) {
    const [status, { code }] = await ask(method, 'people?teams=is.null&select=id,teams(name)', body);
    t.same([status, code], [400, '42703'], method);
  }
});
