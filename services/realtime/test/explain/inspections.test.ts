/** Tests the operators' lists of subscriptions, and the refusals of their questions. */
import type { LiveList, LiveListRequest } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { token } from '../test-realtime.ts';
import { INSTANCE, startInspected } from './inspected-realtime.ts';

t.test('answers the questions of operators', async (t) => {
  const { service, connect, why, list, decided } = await startInspected(t);

  t.test('verifies the operator’s token, and rejects a request without one', async (t) => {
    const requests: ((value: string | undefined) => Promise<unknown>)[] = [
      (value) => list({ token: value }),
      (value) => why(`${INSTANCE}/1/s`, 1, { token: value }),
    ];
    for (const request of requests) {
      await t.rejects(request(undefined), { code: 'AUTH_REQUIRED', status: 401 });
      await t.rejects(request('no.token.at-all'), { code: 'AUTH_TOKEN_INVALID' });
      await t.rejects(request(await token({ role: 'ops' }, -10)), { code: 'AUTH_TOKEN_EXPIRED' });
      await t.rejects(request(await token({ role: 'authenticated', sub: 'ann' })), {
        code: 'AUTH_FORBIDDEN',
        status: 403,
      });
      const [header, , signature] = (await token({ role: 'ops' })).split('.');
      const forged = Buffer.from(JSON.stringify({ role: 'service_role' })).toString('base64url');
      await t.rejects(request([header, forged, signature].join('.')), { code: 'AUTH_TOKEN_INVALID' });
    }
  });

  t.test('rejects requests that it cannot answer, with the remedy', async (t) => {
    const { client, socket } = await connect('red');
    await client.subscribe('s', 'notes');
    await client.subscribe('k', 'keyless');
    const sub = `${socket}/s`;
    await service.sql(`insert into notes values (30, 'red', 1, '')`);
    await decided(sub, 30);
    await t.rejects(why(sub, 31), { code: 'RT_KEY_NOT_CHANGED', status: 404, hint: /RING_MS/, details: /tidemark/ });
    await t.rejects(why(`${socket}/other`, 30), { code: 'RT_SUB_UNKNOWN', hint: /performance\/live/ });
    await t.rejects(why(sub, 30, { table: 'unpublished' }), {
      code: 'RT_TABLE_NOT_LIVE',
      hint: /tidemark live enable/,
    });
    await t.rejects(why(sub, 30, { table: 'secret' }), { code: '42501', hint: /grant select on public.secret/ });
    await t.rejects(why(sub, 30, { table: 'absent' }), { code: 'RT_TABLE_UNKNOWN' });
    await t.rejects(why(sub, 30, { table: 'pairs' }), { code: 'RT_SUB_OTHER_TABLE', message: /public\.notes/ });
    await t.rejects(why(`${socket}/k`, 1, { table: 'keyless' }), { code: 'RT_KEY_MISSING' });
    client.send({ op: 'unsubscribe', id: 's' });
    await client.frame((frame) => frame.op === 'unsubscribed');
    await t.rejects(why(sub, 30), { code: 'RT_SUB_ENDED', message: /the client unsubscribed/ });
    await client.close();
  });

  t.test('lists subscriptions in pages, without tokens and claims', async (t) => {
    await until(() => service.realtime.socketStats().subscriptions === 0, 'the others to be gone');
    const red = await connect('red');
    const anonymous = await connect();
    const abort = new AbortController();
    const address = `${service.url.replace('ws', 'http')}/live?query=${encodeURIComponent('pairs?n=gt.0')}`;
    await red.client.subscribe('one', 'notes?minute=gte.90&select=id,team', { mode: 'latest' });
    await red.client.subscribe('two', 'pairs');
    await anonymous.client.subscribe('one', 'pairs');
    const stream = await fetch(address, { signal: abort.signal });
    const all = await list();
    t.match(all, { sockets: 2, eventStreams: 1, subscriptions: 4, topics: 3, next: null });
    t.match(all.page, [
      { sub: `${red.socket}/one`, schema: 'public', mode: 'latest', window: false, role: 'authenticated', user: 'red' },
      { sub: `${red.socket}/two`, query: 'pairs', mode: 'every', subscribers: 2 },
      { sub: `${anonymous.socket}/one`, role: 'anon', user: null, subscribers: 2 },
      { sub: `${INSTANCE}/e1/events`, query: 'pairs?n=gt.0', subscribers: 1 },
    ]);
    t.match(all.page[0]?.query, /^notes\?.*minute=gte\.90/);
    t.notMatch(JSON.stringify(all), /x@y|eyJ/);
    const paged: string[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const { page, next }: LiveList = await list({ after, limit: 1 });
      paged.push(...page.map(({ sub }) => sub));
      after = next;
    }
    t.same(
      paged,
      all.page.map(({ sub }) => sub),
    );
    const subs = async (more: Partial<LiveListRequest>) => (await list(more)).page.map(({ sub }) => sub);
    t.same(await subs({ table: 'notes' }), [`${red.socket}/one`]);
    t.same(await subs({ role: 'anon', table: 'pairs' }), [`${anonymous.socket}/one`, `${INSTANCE}/e1/events`]);
    t.same(await subs({ user: 'red', schema: 'public' }), [`${red.socket}/one`, `${red.socket}/two`]);
    // The event stream begins with the rows: what is written before it has read them is not sent.
    await until(async () => (await list()).page.every(({ state }) => state === 'live'), 'all to be live');
    await service.sql(`insert into pairs values (5, 'c', 5)`);
    const counted = async () => (await list({ table: 'pairs' })).page.map(({ changes }) => changes);
    await until(async () => (await counted()).join() === '1,1,1', 'the changes to be counted');
    t.equal((await why(`${INSTANCE}/e1/events`, '5,c', { table: 'pairs' })).changes[0]?.outcome, 'sent as insert');
    abort.abort();
    // The stream may have ended already.
    await stream.body?.cancel().catch(() => undefined);
    await Promise.all([red.client.close(), anonymous.client.close()]);
  });
});
