/** Tests the explanations of changes that operators ask for. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { token } from '../test-realtime.ts';
import { startInspected } from './inspected-realtime.ts';

t.test('explains to operators why an instance has sent or withheld a change', async (t) => {
  const { service, connect, why, decided } = await startInspected(t);

  t.test('explains each part of the filter and each policy separately', async (t) => {
    const { client, socket } = await connect('red');
    await client.subscribe('s/1', 'notes?minute=gte.90&or=(body.eq.a,and(team.eq.red,body.not.is.null))');
    const sub = `${socket}/s/1`;
    await service.sql(`insert into notes values (1, 'red', 95, 'b')`);
    t.match((await decided(sub, 1)).changes, [{ type: 'insert', outcome: 'sent as insert', because: null }]);
    await service.sql(`update notes set minute = 80, team = 'blue', body = 'c' where id = 1`);
    await until(async () => (await decided(sub, 1)).changes.length === 2, 'the second change');
    const answer = await why(sub, 1);
    t.match(answer, { sub, schema: 'public', mode: 'every', role: 'authenticated', user: 'red', rowSecurity: true });
    t.equal(answer.rightsChanged, false);
    t.match(answer.changes[0], { type: 'update', outcome: 'sent as leave', because: null });
    await service.sql(`update notes set body = 'd' where id = 1`);
    await until(async () => (await decided(sub, 1)).changes.length === 3, 'the third change');
    const [last] = (await why(sub, 1, { limit: 1 })).changes;
    t.match(last, { type: 'update', outcome: 'kept back', because: 'filter' });
    const steps = last?.steps.filter((step) => !('row' in step) || step.row === 'new');
    t.same(
      steps?.map((step) => [
        step.step,
        step.passed,
        'name' in step ? step.name : 'expression' in step ? step.expression : '',
      ]),
      [
        ['beginning', true, ''],
        ['progress', true, ''],
        ['filter', false, 'minute=gte.90'],
        ['filter', false, 'or=(body.eq.a,and(team.eq.red,body.not.is.null))'],
        ['policy', false, 'for all'],
        ['policy', false, 'own rows'],
        ['policy', true, 'shown'],
        ['policies', false, ''],
      ],
    );
    t.match(steps?.[2], { value: '80' });
    t.match(steps?.[3], {
      parts: [
        { expression: 'body.eq.a', passed: false, value: '"d"', depth: 1 },
        { expression: /^and\(/, passed: false, depth: 1 },
        { expression: 'team.eq.red', passed: false, value: '"blue"', depth: 2 },
      ],
    });
    t.match(steps?.[5], { kind: 'permissive', expression: /request\.jwt\.claims/, readsMore: true });
    t.match(steps?.[6], { kind: 'restrictive', readsMore: false });

    await service.sql(`insert into notes values (2, 'blue', 99, 'a')`);
    t.match((await decided(sub, 2)).changes[0], { outcome: 'kept back', because: 'policy' });
    await client.close();
  });

  t.test('shows values only where Postgres shows the row to the operator', async (t) => {
    const { client, socket } = await connect('red');
    const sub = `${socket}/s`;
    let id = 100;
    /** A subscription that was sent a row which then left: what is granted to anybody ends those that there are. */
    const follow = async () => {
      id += 1;
      await client.subscribe('s', 'notes?or=(body.eq.mine,body.eq.theirs)');
      await service.sql(`insert into notes values (${id}, 'red', 1, 'mine')`);
      await decided(sub, id);
      await service.sql(`update notes set team = 'blue', body = 'theirs' where id = ${id}`);
      await until(async () => (await decided(sub, id)).changes.length === 2, 'the second change');
    };
    const grant = async (sql: string) => {
      const from = client.frames.length;
      await service.sql(sql);
      await client.frame((frame) => frame.op === 'resync', from);
      await follow();
    };
    await follow();
    const told = async (role: string, claims: Record<string, unknown> = {}) => {
      const answer = await why(sub, id, { token: await token({ ...claims, role }) });
      t.match(
        answer.changes,
        [{ outcome: 'sent as leave' }, { outcome: 'sent as insert' }],
        'what decided is the same',
      );
      const values = [...JSON.stringify(answer.changes).matchAll(/"value":"\\"(\w+)/g)].map(([, value]) => value);
      return { values: [...new Set(values)].sort(), withheld: answer.withheld };
    };
    t.same(await told('service_role'), { values: ['mine', 'theirs'], withheld: null });
    const ops = await told('ops');
    t.same(ops.values, []);
    t.match(ops.withheld, /grant select on public\.notes to ops/);
    await grant(
      `grant select on notes to ops;
      create policy ops on notes for select to ops using (team = current_setting('request.jwt.claims', true)::json ->> 'sub')`,
    );
    // The rights of a role are cached for two seconds.
    let red = ops;
    await until(async () => {
      red = await told('ops', { sub: 'red' });
      return red.values.length > 0;
    }, 'the policy to be known');
    t.same(red.values, ['mine']);
    t.match(red.withheld, /hides 1 of the rows.*policy for select on public\.notes to ops/);
    await grant(
      'revoke select on notes from ops; grant select (id, team) on notes to ops; alter policy ops on notes using (true)',
    );
    await until(async () => /grant select \(.*body/.test((await told('ops')).withheld ?? ''), 'the columns to be told');
    t.same((await told('ops')).values, []);
    await client.close();
  });

  t.test('hides Postgres’s message for a failing policy, which may hold values', async (t) => {
    const { client, socket } = await connect();
    await service.sql(`create table faulty (id int primary key, word text); alter table faulty replica identity full;
      alter table faulty enable row level security; grant select on faulty to anon, service_role;
      create policy casts on faulty for select to anon using (word::int > 0); alter publication tidemark add table faulty`);
    await client.subscribe('f', 'faulty');
    await service.sql(`insert into faulty values (1, 'secret')`);
    t.match(await client.frame((frame) => frame.op === 'resync'), { reason: /could not be decided for a row/ });
    await client.subscribe('f2', 'faulty');
    await t.rejects(why(`${socket}/f`, 1, { table: 'faulty' }), {
      code: 'RT_SUB_ENDED',
      message: /could not be decided/,
    });
    const answer = await why(`${socket}/f2`, 1, { table: 'faulty' });
    const [change] = answer.changes;
    const step = { step: 'policy', name: 'casts', passed: null, detail: /^it failed with SQLSTATE 22P02:/ };
    t.match(
      change?.steps.find(({ step }) => step === 'policy'),
      step,
    );
    t.notMatch(JSON.stringify(answer), /secret/);
    await client.close();
  });

  t.test('explains changes before the subscription and changes that a newer one replaced', async (t) => {
    await service.sql(`insert into notes values (10, 'everyone', 1, 'x')`);
    await service.replayed();
    const first = await connect('red');
    await first.client.subscribe('a', 'notes', { snapshot: true });
    const second = await connect('red');
    await second.client.subscribe('b', 'notes', { snapshot: true, mode: 'latest' });
    for (const sub of [`${first.socket}/a`, `${second.socket}/b`])
      t.match((await decided(sub, 10)).changes[0], { outcome: 'kept back', because: 'before the subscription began' });
    for (const minute of [2, 3, 4, 5]) await service.sql(`update notes set minute = ${minute} where id = 10`);
    const sub = `${second.socket}/b`;
    await until(async () => (await decided(sub, 10)).changes.length === 5, 'all changes');
    const outcomes = (await why(sub, 10)).changes.map(({ outcome, because }) => because ?? outcome);
    t.equal(outcomes[0], 'sent as update');
    t.ok(outcomes.includes('a newer change of the row'), outcomes.join());
    t.same((await decided(`${first.socket}/a`, 10)).changes.filter(({ because }) => because === null).length, 4);
    await Promise.all([first.client.close(), second.client.close()]);
  });

  t.test('tells whether the row is in a window', async (t) => {
    const { client, socket } = await connect('red');
    await service.sql(`insert into notes values (20, 'red', 20, 'w'), (21, 'red', 21, 'w')`);
    await service.replayed();
    await client.subscribe('w', 'notes?body=eq.w&order=minute.desc&limit=2', { snapshot: true });
    const sub = `${socket}/w`;
    await service.sql(`insert into notes values (22, 'red', 22, 'w'), (23, 'blue', 23, 'w')`);
    await client.change((change) => change.row?.id === 22);
    t.match((await decided(sub, 22)).changes[0], { outcome: 'in the window now', because: null });
    const [out] = (await decided(sub, 20)).changes;
    t.match(out, { outcome: 'not in the window now', because: 'window' });
    t.match(out?.steps.at(-1), { step: 'window', passed: false, expression: 'order=minute.desc&limit=2' });
    t.match((await decided(sub, 23)).changes[0], { outcome: 'kept back', because: 'policy' });
    await client.close();
  });

  t.test('finds keys of several columns, and counts a truncate as a change of every row', async (t) => {
    const { client, socket } = await connect();
    await client.subscribe('p', 'pairs?n=gt.0');
    const sub = `${socket}/p`;
    await service.sql(`insert into pairs values (1, 'x,y', 1), (2, 'x,y', 0)`);
    t.match((await decided(sub, '1,"x,y"', { table: 'pairs' })).changes, [{ outcome: 'sent as insert' }]);
    t.match((await decided(sub, '2,"x,y"', { table: 'pairs' })).changes, [{ outcome: 'kept back', because: 'filter' }]);
    await t.rejects(why(sub, '1,x,y', { table: 'pairs' }), { code: 'RT_KEY_INVALID', hint: /double quotes/ });
    await t.rejects(why(sub, '1', { table: 'pairs' }), { code: 'RT_KEY_INVALID', message: /\(a, b\)/ });
    await t.rejects(why(sub, '"', { table: 'pairs' }), { code: 'RT_KEY_INVALID' });
    await service.sql('truncate pairs');
    await client.frame((frame) => frame.op === 'resync');
    await t.rejects(why(sub, '1', { table: 'pairs' }), { code: 'RT_SUB_ENDED', message: /truncated/ });
    await client.subscribe('p', 'pairs?n=gt.0');
    t.match((await decided(sub, '7,z', { table: 'pairs' })).changes[0], {
      type: 'truncate',
      because: 'before the subscription began',
    });
    await client.close();
  });
});
