/** Relationships that views, one-to-one keys and schemas make, and the ways to name them, as in PostgREST. */
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

t.test('relationships', async (t) => {
  const gateway = await useGateway(t, {
    script: `
      create schema hidden;
      create table public.people (id int primary key, name text, boss int references people);
      create table public.cars (id int primary key, owner int constraint cars_owner references people, driver int constraint cars_driver references people);
      create table public.badges (id int primary key, holder int unique constraint badge_holder references people);
      create table public.teams (id int primary key, name text);
      create table hidden.members (person int references people, team int references teams, primary key (person, team));
      create view public.car_view as select id, owner, owner as keeper from cars;
      create view public.people_view as select id, name, boss from people;
      create table public.dishes (id int primary key, chef text, person int references people);
      insert into people values (1, 'ada', null), (2, 'bob', 1);
      insert into cars values (1, 1, 2); insert into badges values (5, 1); insert into teams values (1, 'red');
      insert into hidden.members values (1, 1); insert into dishes values (1, 'cy', 1), (2, 'di', 2);
      grant all on all tables in schema public to anon;`,
  });
  const get = async (path: string) => {
    const response = await gateway.request(`/rest/v1/${path}`);
    return [response.status, await response.json()];
  };

  t.same(
    await get('car_view?select=id,by_owner:people!owner(name),by_keeper:people!keeper(name)'),
    [200, [{ id: 1, by_owner: { name: 'ada' }, by_keeper: { name: 'ada' } }]],
    'a view shows a key under two names',
  );
  t.same(
    await get('people_view?select=name,people_view!boss(name)&id=eq.1'),
    [200, [{ name: 'ada', people_view: [{ name: 'bob' }] }]],
    'a view with a reference to itself',
  );
  t.same(await get('people?select=name,badge_holder(id)&id=eq.1'), [200, [{ name: 'ada', badge_holder: { id: 5 } }]]);
  t.same(await get('people?select=name,holder(id)&id=eq.1'), [200, [{ name: 'ada', holder: { id: 5 } }]]);
  t.match(
    await get('people?select=name,teams(name)'),
    [400, { code: 'PGRST200' }],
    'a junction in a hidden schema is none',
  );

  t.match(
    await get('cars?select=id,people!nobody(name)'),
    [400, { code: 'PGRST200', hint: /'people!cars_(owner|driver)', 'people!cars_(owner|driver)'/ }],
    'a hint that fits no relationship is answered with those that do',
  );
  const [status, ambiguous] = await get('cars?select=id,people(name)');
  t.equal(status, 300);
  t.match(ambiguous, {
    code: 'PGRST201',
    hint: /'people!cars_owner', 'people!cars_driver'|'people!cars_driver', 'people!cars_owner'/,
  });
  t.same((ambiguous as { details: unknown[] }).details.length, 2);
  t.match(
    (ambiguous as { details: { relationship: string }[] }).details.find(({ relationship }) =>
      /owner/.test(relationship),
    ),
    {
      cardinality: 'many-to-one',
      embedding: 'cars with people',
      relationship: 'cars_owner using cars(owner) and people(id)',
    },
  );

  t.same(
    await get('dishes?select=id,chef:people(name)&chef=eq.di'),
    [200, [{ id: 2, chef: { name: 'bob' } }]],
    'a column has the name of an embed',
  );
  t.match(await get('dishes?select=id,people(name)&people=eq.1'), [400, { code: 'PGRST120' }]);
});
