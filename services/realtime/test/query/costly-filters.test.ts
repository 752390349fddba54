/** Tests that hostile filters, written to be slow, are refused with the reason or evaluated without blocking the event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.said (id bigint generated always as identity primary key, kind text not null default '', message text collate "C" not null, number numeric);
alter table public.said replica identity full;
grant select on public.said to anon, authenticated;
alter publication tidemark add table public.said;`;

/** 90,000 steps: nearly as dear as one query may be. */
const dear = (n: number) => `said?message=match.${'(a|b)'.repeat(6)}[a-f]{0,20}${n}Z`;

t.test('costly filters', async (t) => {
  const service = await startTestRealtime(SETUP, { LIVE_FILTER_STEPS: '3000000', MAX_SUBSCRIPTIONS_PER_SOCKET: '200' });
  t.teardown(() => service.stop());
  const connect = () => new LiveClient(service.url).open();
  const metric = async (name: string) => {
    const answer = await service.realtime.app.inject({
      url: '/metrics',
      headers: { authorization: `Bearer ${await token({ role: 'ops' })}` },
    });
    return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(answer.body)?.[1]);
  };

  t.test(
    'rejects a hundred subscriptions to a pattern of 1,500 states, and delivers a long row to others at once',
    async (t) => {
      const attacker = await connect();
      const honest = await connect();
      await honest.subscribe('s', 'said?select=id');
      for (let n = 0; n < 100; n += 1)
        attacker.send({ op: 'subscribe', id: `${n}`, query: `said?message=match..{0,255}.{0,255}.{0,255}Z${n}` });
      await until(
        () => attacker.frames.filter(({ op }) => op === 'error' || op === 'subscribed').length === 100,
        'all answers',
      );
      const refusals = attacker.frames.filter(({ op }) => op === 'error');
      t.equal(refusals.length, 100);
      t.match(refusals[0], {
        code: 'RT_FILTER_COST',
        message: /may take \d{7} steps for each row; a live query may take 100000/,
        hint: /\{0,255\}/,
        retry: false,
      });
      const loop = monitorEventLoopDelay({ resolution: 5 });
      loop.enable();
      await service.sql(`insert into said (message) values (repeat('a', 2000))`);
      await honest.change(({ row }) => row !== undefined);
      loop.disable();
      t.ok(loop.max / 1e6 < 1_000, `the event loop was held for ${Math.round(loop.max / 1e6)} ms at most`);
      t.equal(service.realtime.relay?.stats().role, 'active');
      await Promise.all([attacker.close(), honest.close()]);
    },
  );

  t.test('rejects all kinds of costly filters, also over an event stream', async (t) => {
    const client = await connect();
    const list = (count: number, item: (n: number) => string) =>
      Array.from({ length: count }, (_, n) => item(n)).join(',');
    for (const query of [
      'said?message=imatch.(a{0,20}){0,40}',
      `said?message=like.*${'a_'.repeat(3_500)}b*`,
      `said?or=(${list(300, (n) => `message.like.*a_${n}*`)})`,
      `said?message=like(any).{${list(450, (n) => `*a_${n}*`)}}`,
      'said?message=match.(a{0,30}){0,30}&order=id&limit=5',
    ]) {
      t.match(await client.refusal('q', query), { code: /^RT_FILTER_COST$/, hint: /./ }, query.slice(0, 60));
    }
    const address = `${service.url.replace('ws', 'http')}/live?query=${encodeURIComponent('said?message=match.(a{0,30}){0,30}')}`;
    const answer = await fetch(address);
    t.equal(answer.status, 400);
    t.match(await answer.json(), { code: 'RT_FILTER_COST' });
    await client.close();
  });

  t.test('limits the filters of a socket, and of an identity once the instance is over half', async (t) => {
    const clients = await Promise.all(Array.from({ length: 8 }, connect));
    const codes = new Map<string, number>();
    for (const [at, client] of clients.entries()) {
      for (let n = 0; n < 5; n += 1) {
        const answer = await client.subscribe(`${n}`, dear(at * 10 + n)).catch(({ frame }) => frame);
        const code =
          typeof answer === 'number' ? 'taken' : `${answer.code} ${/of this (\w+)/.exec(answer.message)?.[1]}`;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    t.ok((codes.get('RT_SOCKET_FILTERS socket') ?? 0) >= 8, JSON.stringify([...codes]));
    t.ok((codes.get('RT_FILTER_BUDGET identity') ?? 0) > 0, JSON.stringify([...codes]));
    t.ok((await metric('tidemark_live_filter_steps')) <= 1_500_000, 'half of the budget');
    t.ok((await metric('tidemark_live_filter_refusals')) > 0);
    const late = await connect();
    await late.subscribe('s', 'said?id=eq.1');
    await late.subscribe('same', dear(0));
    t.pass('what is cheap, and what is followed already, is still taken');
    await Promise.all([...clients, late].map((client) => client.close()));
    await until(async () => (await metric('tidemark_live_filter_steps')) === 0, 'everything to be given back');
  });

  t.test('delays neither the event loop nor cheap queries by costly filters', async (t) => {
    const attacker = await connect();
    const honest = await connect();
    const third = await connect();
    for (let n = 0; n < 3; n += 1) await attacker.subscribe(`${n}`, dear(n));
    for (let n = 0; n < 3; n += 1) await third.subscribe(`${n}`, dear(10 + n));
    await honest.subscribe('s', `said?select=id&kind=eq.late`);
    const loop = monitorEventLoopDelay({ resolution: 5 });
    loop.enable();
    await service.sql(
      `insert into said (kind, message) select case when n = 200 then 'late' else '' end, repeat('ab', 1000) from generate_series(1, 200) n`,
    );
    await honest.change(({ row }) => row !== undefined);
    const counted = await metric('tidemark_live_filter_jobs_waiting');
    loop.disable();
    t.ok(counted > 0, 'the dear filters are still at work when the others have their change');
    t.ok(loop.max / 1e6 < 1_000, `the event loop was held for ${Math.round(loop.max / 1e6)} ms at most`);
    t.equal(service.realtime.relay?.stats().role, 'active');
    await Promise.all([attacker, honest, third].map((client) => client.close()));
    await until(async () => (await metric('tidemark_live_filter_jobs_waiting')) === 0, 'the work for nobody to end');
  });

  t.test('lets Postgres evaluate a value that is too long to filter here', async (t) => {
    const client = await connect();
    const before = await metric('tidemark_live_filter_questions');
    await client.subscribe('m', `said?select=id,kind&message=match.(x|y)needle[a-f]{2,20}$`);
    await client.subscribe('n', `said?select=id,kind&number=gt.5`);
    await service.sql(
      `insert into said (kind, message) values ('no', repeat('a', 300000)), ('yes', repeat('b', 300000) || 'xneedleabc'), ('short', 'yneedleff')`,
    );
    await client.change(({ row }) => row?.kind === 'short');
    t.same(
      client.changes().map(({ row }) => row?.kind),
      ['yes', 'short'],
    );
    t.ok((await metric('tidemark_live_filter_questions')) > before);
    await client.close();
  });

  t.test('catches up on long rows in slices', async (t) => {
    const client = await connect();
    const topic = await client.subscribe('m', `said?select=id,kind&message=match.(x|y)needle[a-f]{2,20}$`, {
      snapshot: true,
    });
    await until(
      () => client.places.length > 0 || client.frames.some(({ op, position }) => op === 'snapshot' && position),
      'a position',
    );
    const position = [...client.frames, ...client.places].map((frame) => frame.position).find(Boolean);
    client.send({ op: 'unsubscribe', id: 'm' });
    await client.frame(({ op }) => op === 'unsubscribed');
    await service.sql(
      `insert into said (kind, message) select 'again' || n, repeat('b', 30000) || 'xneedleabc' from generate_series(1, 20) n`,
    );
    const again = await client.subscribe('again', `said?select=id,kind&message=match.(x|y)needle[a-f]{2,20}$`, {
      after: position,
    });
    t.not(again, undefined);
    await client.change(({ row }) => row?.kind === 'again20');
    t.equal(new Set(client.changes().map(({ row }) => row?.kind)).size, 20);
    t.ok(topic > 0);
    await client.close();
  });
});
