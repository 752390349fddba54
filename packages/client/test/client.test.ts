/** Reads, files, jobs, tokens and channels of a client, against a gateway and a realtime service. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { createClient, TidemarkError } from '../src/index.ts';
import { type Database, startClients } from './clients.ts';

t.test('client', async (t) => {
  const { backend, wire, liveUrl, open, newMatch, noSockets, query } = await startClients(t);

  t.test('reads its own writes, whichever replica answers', async (t) => {
    const client = await open(t);
    const match = newMatch();
    for (let n = 1; n <= 20; n += 1) {
      const { error } = await client.from('commentary').insert({ match_id: match, body: `b${n}` });
      t.equal(error, null);
      const { data } = await query(client, match);
      t.equal(data?.length, n);
    }
    t.match(client.tidemark, /^[0-9a-z]+-[0-9A-F]{16}$/);
    const other = await open(t, 'bob');
    other.atLeast(client.tidemark as string);
    t.equal((await query(other, match)).data?.length, 20);
    t.match((await client.from('commentary').insert({ match_id: 'x' as never })).error, { code: '22P02' });
  });

  t.test('a token of another identity replaces the rows of the previous one', async (t) => {
    const client = await open(t, 'ann');
    await client.from('note').insert({ body: 'of ann' });
    const bob = await open(t, 'bob');
    await bob.from('note').insert({ body: 'of bob' });
    const live = await client.from('note').select().live().ready();
    t.same(live.rows, [{ owner: 'ann', body: 'of ann' }]);
    client.setToken(await backend.token('bob'));
    await until(
      () => live.rows[0]?.owner === 'bob',
      () => `bob's row; there are ${JSON.stringify(live.rows)}`,
    );
    t.same(live.rows, [{ owner: 'bob', body: 'of bob' }]);
    client.setToken(undefined);
    await until(
      () => live.status === 'failed',
      () => `a refusal; it is ${live.status}`,
    );
    t.match(live.error, { code: '42501', hint: /./ });
    live.close();
  });

  t.test('renews an expiring token in place, and fails with the error of a refused token', async (t) => {
    let given = 0;
    const client = createClient<Database>(backend.url, {
      liveUrl,
      WebSocket,
      token: () => {
        given += 1;
        return backend.token('ann', given === 1 ? 31 : 600);
      },
    });
    t.teardown(() => client.close());
    const live = await query(client, newMatch()).live().ready();
    await until(
      () => given >= 2,
      () => 'the token to be asked for again',
    );
    t.equal(live.status, 'live');
    const refused = createClient(backend.url, { token: 'no.jwt.atall', liveUrl, WebSocket });
    t.teardown(() => refused.close());
    await t.rejects(refused.from('commentary').select().live().ready(), { code: /^AUTH_/ });
    t.match((await refused.from('commentary').select()).error, { code: 'PGRST301' });
  });

  t.test('rejects an aggregate, an unreachable gateway and an invalid WebSocket class with the reason', async (t) => {
    const client = await open(t);
    const counted = client.from('commentary').select('count()').live() as { ready(): Promise<unknown> };
    await t.rejects(counted.ready(), { code: 'RT_QUERY_UNSUPPORTED', message: /aggregate/ });
    const away = createClient('http://127.0.0.1:9', { WebSocket });
    await t.rejects(away.jobs.list(), { code: 'CLIENT_UNREACHABLE', retry: true, hint: /running/ });
    await t.rejects(
      async () => createClient(backend.url, { WebSocket: 7 }).from('x').select().live().ready(),
      TidemarkError,
    );
  });

  t.test('uploads, lists, signs, downloads, replaces and removes a file', async (t) => {
    const client = await open(t, 'ann');
    const stored = await client.files.upload('notes/one.txt', new Blob(['one'], { type: 'text/plain' }), {
      metadata: { of: 'ann' },
    });
    t.match(stored, { path: 'notes/one.txt', size: 3, content_type: /^text\/plain/, metadata: { of: 'ann' } });
    t.equal(await (await client.files.download('notes/one.txt')).text(), 'one');
    t.equal(await (await client.files.download(stored.id, { range: 'bytes=1-1' })).text(), 'n');
    t.match(await client.files.list({ prefix: 'notes/' }), [{ id: stored.id }]);
    const { url } = await client.files.sign(stored.id, 60);
    t.equal(await (await fetch(url)).text(), 'one', 'the URL is absolute');
    const streamed = new Response('two').body as ReadableStream;
    t.match(await client.files.upload('notes/one.txt', streamed, { replace: true }), { size: 3 });
    await t.rejects(client.files.upload('notes/one.txt', 'three'), { code: /./, name: 'TidemarkError' });
    await client.files.remove('notes/one.txt');
    await t.rejects(client.files.download('notes/one.txt'), { code: /./, name: 'TidemarkError' });
  });

  t.test('starts, follows and cancels a job', async (t) => {
    const client = await open(t, 'ann');
    await client.files.upload('in/one.png', new Blob([PNG]));
    // An instance of batch registers its kinds; none runs here.
    await backend.sql`insert into tidemark.job_kinds (name, version, spec_schema, limits)
      values ('image.transform', 1, '{}', '{}') on conflict do nothing`;
    const spec = { input: { prefix: 'in/' }, transform: { greyscale: true } };
    const job = await client.jobs.start({ kind: 'image.transform', spec });
    t.match(await client.jobs.get(job.id), { state: 'queued' });
    t.match(await client.jobs.list(), [{ id: job.id }]);
    const states: string[] = [];
    const finished = client.jobs.finished(job.id, ({ state }) => states.push(state));
    await until(
      () => states.length > 0,
      () => 'the job',
    );
    t.match(await client.jobs.pause(job.id), { state: 'paused' });
    t.match(await client.jobs.resume(job.id), { state: 'queued', run_seconds: null, eta: null });
    await client.jobs.cancel(job.id);
    t.match(await finished, { state: 'cancelled' });
    t.same([states[0], states.at(-1)], ['queued', 'cancelled']);
    const bob = await open(t, 'bob');
    await t.rejects(bob.jobs.finished(job.id), { code: 'CLIENT_JOB_NOT_FOUND' });
  });

  t.test('reads the items and failures of a job, a page at a time, and retries it', async (t) => {
    const client = await open(t, 'ann');
    const [row] =
      await backend.sql`insert into tidemark.jobs (kind, spec, role, owner, state, total, done, failed, planned_all, finished_at)
      values ('image.transform', '{}', 'authenticated', 'ann', 'partly_failed', 4, 2, 2, true, now()) returning id`;
    const id: string = row?.id;
    await backend.sql`insert into tidemark.job_items (job_id, index, state, attempts, input, value, code, error)
      select ${id}, n, case when n < 2 then 'succeeded' else 'failed' end, 1, '{}', to_jsonb(n), case when n >= 2 then 'CODE_' || n end,
        case when n >= 2 then '{"message": "it broke", "hint": null}'::jsonb end from generate_series(0, 3) as n`;
    const first = await client.jobs.items(id, { limit: 3 });
    t.same(
      first.map(({ index, state }) => [index, state]),
      [
        [0, 'succeeded'],
        [1, 'succeeded'],
        [2, 'failed'],
      ],
    );
    t.match(await client.jobs.items(id, { after: 2 }), [{ index: 3, attempts: 1 }]);
    t.match(await client.jobs.failures(id, { code: 'CODE_3' }), [{ index: 3, error: { message: 'it broke' } }]);
    t.match(await client.jobs.failureCounts(id), [
      { code: 'CODE_2', count: 1, first: 2, last: 2, sample: { index: 2, message: 'it broke' } },
      { code: 'CODE_3', count: 1 },
    ]);
    t.match(await client.jobs.retry(id, { code: 'CODE_2' }), { failed: 1, finished_at: null });
    const bob = await open(t, 'bob');
    await t.rejects(bob.jobs.items(id), { code: 'GATEWAY_JOB_NOT_FOUND' });
  });

  t.test('the devices of a user exchange messages and presence, also after a lost connection', async (t) => {
    const phone = (await open(t, 'ann')).channel('user:ann', { state: { device: 'phone' } });
    const laptop = (await open(t, 'ann')).channel('user:ann', { state: { device: 'laptop' } });
    const heard: unknown[] = [];
    laptop.onMessage(({ event, payload }) => heard.push([event, payload]));
    t.throws(() => phone.send('early'), { code: 'CLIENT_NOT_JOINED' });
    await Promise.all([phone.join(), laptop.join()]);
    const devices = (channel: typeof phone) => channel.members.map(({ state }) => state.device).sort();
    const both = () => devices(phone).length === 2 && devices(laptop).length === 2;
    await until(both, () => 'both to see both');
    t.same(devices(phone), ['laptop', 'phone']);
    phone.send('seen', { id: 1 });
    await until(
      () => heard.length === 1,
      () => 'the message',
    );
    wire.cut();
    await until(
      () => phone.status !== 'live' && laptop.status !== 'live',
      () => 'the cut to be noticed',
    );
    await until(
      () => phone.status === 'live' && laptop.status === 'live' && both(),
      () => 'both to be back',
    );
    phone.show({ device: 'tablet' });
    await until(
      () => devices(laptop).includes('tablet'),
      () => 'the new state',
    );
    phone.send('again');
    await until(
      () => heard.length === 2,
      () => 'the message after it',
    );
    t.same(heard, [
      ['seen', { id: 1 }],
      ['again', null],
    ]);
    phone.leave();
    await until(
      () => devices(laptop).length === 1,
      () => 'the phone to be gone',
    );
    const bob = (await open(t, 'bob')).channel('user:ann');
    await t.rejects(bob.join(), { code: 'RT_CHANNEL_FORBIDDEN', retry: false });
    t.equal(bob.status, 'failed');
    laptop.leave();
    bob.leave();
  });

  t.test('a closed client leaves no socket open', noSockets);
});

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
