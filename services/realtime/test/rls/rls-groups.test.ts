/** Tests that policies are evaluated once for the identities that they cannot tell apart, and only where a row concerns them. */
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { signed, startTestRealtime, token } from '../test-realtime.ts';

t.test('row-level security for groups of identities', async (t) => {
  const service = await startTestRealtime('select 1');
  t.teardown(() => service.stop());
  const connect = async (name: string, role = 'authenticated') =>
    new LiveClient(service.url, { token: await token({ role, sub: name }) }).open();
  const gauge = async (name: string) => {
    const text = await metricsPage(service.url);
    return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(text)?.[1]);
  };

  t.test('evaluates a policy once for identities that it cannot tell apart', async (t) => {
    await service.sql(`create table public.plain (id int primary key, shown boolean not null);
      alter table public.plain replica identity full; alter table public.plain enable row level security;
      create policy shown on public.plain for select to authenticated using (shown);
      create policy by_claims on public.plain for select to anon
        using (current_setting('request.jwt.claims')::json ->> 'sub' = 'ann');
      grant select on public.plain to authenticated, anon; alter publication tidemark add table public.plain;`);
    await until(() => service.realtime.socketStats().subscriptions === 0, 'the others to be gone');
    const clients = await Promise.all([connect('ann'), connect('bob'), connect('ann', 'anon'), connect('bob', 'anon')]);
    for (const client of clients) await client.subscribe('p', 'plain');
    t.equal(
      await gauge('tidemark_rights_classes'),
      3,
      'one of the role whose policy reads the row, one for each of the others',
    );
    await service.sql(`insert into plain values (1, false)`);
    await service.sql(`insert into plain values (2, true)`);
    for (const client of clients.slice(0, 3)) await client.change((change) => change.row?.id === 2);
    t.same(
      clients.map((client) => client.changes().map((change) => change.row?.id)),
      [[2], [2], [1, 2], []],
    );
    await service.sql(
      `alter policy shown on plain using (shown and current_setting('request.jwt.claims')::json ->> 'sub' = 'bob')`,
    );
    for (const client of clients.slice(0, 2)) await client.frame((frame) => frame.op === 'resync');
    await Promise.all(clients.map((client) => client.close()));
  });

  t.test('tells tenants apart whose numbers JavaScript would round', async (t) => {
    await service.sql(`create table public.ledgers (id int primary key, org bigint not null);
      alter table public.ledgers replica identity full; alter table public.ledgers enable row level security;
      create policy own on public.ledgers for select to authenticated
        using (org = (current_setting('request.jwt.claims', true)::json ->> 'org')::bigint);
      grant select on public.ledgers to authenticated; alter publication tidemark add table public.ledgers;`);
    const of = async (org: string) =>
      new LiveClient(service.url, { token: await signed(`{"role":"authenticated","org":${org}}`) }).open();
    const clients = await Promise.all(['9007199254740992', '9007199254740993'].map(of));
    for (const client of clients) await client.subscribe('l', 'ledgers?select=id', { snapshot: true });
    await service.sql(`insert into ledgers values (1, 9007199254740992), (2, 9007199254740993), (3, 9007199254740992)`);
    await service.sql(`update ledgers set org = 9007199254740993 where id = 3`);
    await service.sql(`insert into ledgers values (4, 9007199254740992), (5, 9007199254740993)`);
    const ids = (client: LiveClient) => client.changes().map(({ type, row, old }) => `${type} ${(row ?? old)?.id}`);
    await clients[0]?.change(({ row }) => row?.id === 4);
    await clients[1]?.change(({ row }) => row?.id === 5);
    t.same(clients.map(ids), [
      ['insert 1', 'insert 3', 'leave 3', 'insert 4'],
      ['insert 2', 'enter 3', 'insert 5'],
    ]);
    await Promise.all(clients.map((client) => client.close()));
  });

  t.test('evaluates a change only for the users whose rows it concerns', async (t) => {
    await service.sql(`create table public.todos (id int primary key, owner uuid not null, tenant text, body text);
      alter table public.todos replica identity full; alter table public.todos enable row level security;
      create policy own on public.todos for select to authenticated
        using (owner = (select (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid));
      grant select on public.todos to authenticated; alter publication tidemark add table public.todos;`);
    await until(() => service.realtime.socketStats().subscriptions === 0, 'the others to be gone');
    const subOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    const query = 'todos?select=id,body';
    const join = async (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, async (_, n) => {
          const client = await connect(subOf(from + n));
          await client.subscribe('s', query, { snapshot: true });
          return client;
        }),
      );
    const ids = (client: LiveClient) => client.changes().map(({ row, old }) => (row ?? old)?.id);
    const CHANGES = 20;
    /** Writes one row for each of the first ten users in turn, and waits until its owner has it. Returns the questions to Postgres. */
    const write = async (clients: LiveClient[], from: number) => {
      const before = await gauge('tidemark_rights_questions');
      for (let n = from; n < from + CHANGES; n++) {
        await service.sql(`insert into todos values ($1, $2, null, '')`, [n, subOf(n % 10)]);
        await (clients[n % 10] as LiveClient).change(({ row }) => row?.id === n);
      }
      return (await gauge('tidemark_rights_questions')) - before;
    };
    const clients = await join(0, 10);
    t.equal(await gauge('tidemark_rights_classes'), 10);
    const few = await write(clients, 100);
    t.ok(few <= CHANGES, `${few} questions for ${CHANGES} changes`);

    clients.push(...(await join(10, 60)));
    t.equal(await gauge('tidemark_rights_classes'), 60);
    const many = await write(clients, 200);
    t.ok(many <= CHANGES, `${many} questions with six times as many users`);
    const secondDevice = await connect(subOf(3), 'authenticated');
    await secondDevice.subscribe('s', query);
    t.equal(await gauge('tidemark_rights_classes'), 60, 'another token of the same user is in the same class');

    // A row that goes from one to another, in a transaction of several; one that nobody owns; a large one; TRUNCATE.
    await service.sql(`update todos set owner = '${subOf(50)}', body = 'moved' where id = 103`);
    const moved = await (clients[50] as LiveClient).change(({ row }) => row?.body === 'moved');
    t.same(moved, { type: 'enter', row: { id: 103, body: 'moved' } });
    await (clients[3] as LiveClient).change(({ type, old }) => type === 'leave' && old?.id === 103);
    await service.sql(`insert into todos select 1000 + n, ('00000000-0000-4000-8000-' || lpad((n % 2)::text, 12, '0'))::uuid,
      null, '' from generate_series(0, 1199) n`);
    await service.sql(`delete from todos where id = 101`);
    await (clients[1] as LiveClient).change(({ type, old }) => type === 'delete' && old?.id === 101);
    await (clients[0] as LiveClient).change(({ row }) => row?.id === 2_198);
    for (const [n, client] of clients.entries()) {
      const own = [
        ...(n < 10 ? [100 + n, 110 + n, 200 + n, 210 + n] : []),
        ...(n === 3 ? [103] : n === 50 ? [103] : n === 1 ? [101] : []),
      ];
      const small = ids(client).filter((id) => Number(id) < 1_000);
      t.same(small.sort(), own.sort(), `client ${n} got its own rows and no others`);
      const large = client.frames.filter((frame) => frame.op === 'changes' && frame.changes.length > 100);
      if (n < 2) t.equal(ids(client).filter((id) => Number(id) >= 1_000).length, 600);
      else t.equal(large.length, 0);
    }
    t.notOk(
      (clients[0] as LiveClient).frames.findLast((frame) => frame.op === 'changes')?.more,
      'the transaction has ended',
    );
    await service.sql('truncate todos');
    for (const client of clients) await client.frame((frame) => frame.op === 'resync');
    await Promise.all([secondDevice, ...clients].map((client) => client.close()));
  });

  t.test('evaluates resumed changes only for the users concerned', async (t) => {
    const [sub, other] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
    const client = await connect(sub);
    await client.subscribe('s', 'todos?select=id');
    await service.sql(`insert into todos values (1, '${sub}', null, '')`);
    await client.change(() => true);
    const { position } = await client.frame((frame) => frame.op === 'changes');
    await client.close();
    await service.sql(`insert into todos select n, '${other}', null, '' from generate_series(2, 50) n`);
    await service.sql(`insert into todos values (51, '${sub}', null, '')`);
    const again = await connect(sub);
    await again.subscribe('s', 'todos?select=id', { after: position });
    await again.change(({ row }) => row?.id === 51);
    t.same(
      again.changes().map(({ row }) => row?.id),
      [51],
    );
    await again.close();
  });

  t.test('evaluates once for the users of a tenant, until the policy changes', async (t) => {
    await until(() => service.realtime.socketStats().subscriptions === 0, 'the others to be gone');
    await service.sql(`create table public.boards (id int primary key, tenant text);
      alter table public.boards replica identity full; alter table public.boards enable row level security;
      create policy tenant on public.boards for select to authenticated
        using (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
      grant select on public.boards to authenticated; alter publication tidemark add table public.boards;`);
    const of = async (sub: string, tenant?: string) => {
      const claims = { role: 'authenticated', sub, tenant };
      const client = await new LiveClient(service.url, { token: await token(claims) }).open();
      await client.subscribe('t', 'boards');
      return client;
    };
    const clients = [await of('a', 'red'), await of('b', 'red'), await of('c', 'blue'), await of('d')];
    t.equal(await gauge('tidemark_rights_classes'), 3);
    const before = await gauge('tidemark_rights_questions');
    await service.sql(`insert into boards values (61, 'red')`);
    for (const client of clients.slice(0, 2)) await client.change(({ row }) => row?.id === 61);
    t.equal((await gauge('tidemark_rights_questions')) - before, 1, 'one question for both');
    t.same(
      clients.map((client) => client.changes().length),
      [1, 1, 0, 0],
    );
    await service.sql(`alter policy tenant on boards using (tenant = 'blue')`);
    for (const client of clients) await client.frame((frame) => frame.op === 'resync');
    await Promise.all(clients.map((client) => client.close()));
  });
});
