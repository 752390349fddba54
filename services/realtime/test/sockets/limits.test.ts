/** Limits of sockets, event streams and subscriptions: in number and rate, with a share for each identity on a busy instance. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';
import { RawSocket } from './raw-socket.ts';

t.test('limits of identities', async (t) => {
  const service = await startTestRealtime(undefined, {
    TRUST_PROXY: 'loopback',
    MAX_SOCKETS: '20',
    MAX_EVENT_STREAMS: '4',
    MAX_SUBSCRIPTIONS: '40',
    IDENTITY_SHARE_PERCENT: '15',
    BAD_TOKENS_PER_S: '2',
  });
  t.teardown(() => service.stop());
  const open: LiveClient[] = [];
  /** A client behind a proxy that is trusted. */
  const from = (address: string, given?: string) => {
    const headers = { 'x-forwarded-for': `1.1.1.1, ${address}` };
    const client = new LiveClient(service.url, { headers, ...(given ? { token: given } : {}) });
    open.push(client);
    return client;
  };
  const closeAll = async () => {
    for (const client of open.splice(0)) client.ws.terminate();
    await until(() => service.realtime.socketStats().open === 0, 'all sockets to be gone');
  };
  /** The frame that one subscription too many is answered with. */
  const refusal = (client: LiveClient) =>
    client.subscribe('more', 'commentary?minute=eq.99').then(
      () => undefined,
      (error: { frame: unknown }) => error.frame,
    );
  const refused = async (client: LiveClient) => {
    await until(() => client.closed !== undefined, 'a close');
    return client.closed;
  };

  t.test('limits an address to half of all sockets, then to its share, and admits others', async (t) => {
    for (let n = 0; n < 10; n += 1) await from('203.0.113.7').open();
    t.match(await refused(from('203.0.113.7')), { code: 1013, reason: /address has its 3 sockets/ });
    t.match(await refused(from('203.0.113.7')), { code: 1013 }, 'a forged entry on the left changes nothing');
    await from('2001:db8:0:1::1').open();
    await from('2001:db8:0:1::2').open();
    await from('2001:db8:0:1:ffff::3').open();
    t.match(await refused(from('2001:db8:0:1::4')), { code: 1013 }, 'a /64 is one address');
    const ada = await token({ role: 'authenticated', sub: 'ada' });
    for (let n = 0; n < 3; n += 1) await from('203.0.113.7', ada).open();
    const fourth = from('198.51.100.1', ada);
    t.match(await refused(fourth), { code: 1013 }, 'a subject has one share, wherever it comes from');
    t.match(fourth.frames[0], { op: 'error', code: 'RT_TOO_MANY_SOCKETS', retry: true, hint: /Close/ });
    await from('198.51.100.1', await token({ role: 'authenticated', sub: 'bob' })).open();
    t.equal(service.realtime.socketStats().open, 17);
    await closeAll();
    for (let n = 0; n < 10; n += 1) await from('203.0.113.7').open();
    await closeAll();
  });

  t.test('renews the token of an admitted bearer on a busy instance', async (t) => {
    const ada = await token({ role: 'authenticated', sub: 'ada' });
    const first = await from('203.0.113.1', ada).open();
    for (let n = 0; n < 9; n += 1) await from('203.0.113.1', ada).open();
    first.send({ op: 'auth', token: await token({ role: 'authenticated', sub: 'ada' }, 1_200) });
    await first.frame((frame) => frame.op === 'ready', 1);
    t.equal(first.closed, undefined);
    await closeAll();
  });

  t.test('limits subscriptions over all sockets of an identity', async (t) => {
    const clients = [await from('203.0.113.7').open(), await from('203.0.113.7').open()] as const;
    for (let n = 0; n < 20; n += 1) await clients[n % 2]!.subscribe(`s${n}`, `commentary?minute=eq.${n}`);
    t.match(await refusal(clients[0]), {
      code: 'RT_TOO_MANY_SUBSCRIPTIONS',
      message: /this identity has its 6/,
      retry: true,
    });
    const other = await from('198.51.100.1').open();
    for (let n = 0; n < 6; n += 1) await other.subscribe(`s${n}`, `commentary?minute=eq.${n}`);
    t.match(await refusal(other), { code: 'RT_TOO_MANY_SUBSCRIPTIONS' });
    await closeAll();
    await until(() => service.realtime.socketStats().subscriptions === 0, 'all subscriptions to be gone');
    const again = await from('203.0.113.7').open();
    for (let n = 0; n < 20; n += 1) await again.subscribe(`s${n}`, `commentary?minute=eq.${n}`);
    await closeAll();
  });

  t.test('limits event streams', async (t) => {
    const ask = (address: string) =>
      fetch(`${service.url.replace('ws', 'http')}/live?query=commentary`, { headers: { 'x-forwarded-for': address } });
    const streams = [await ask('203.0.113.7'), await ask('203.0.113.7')];
    t.same(
      streams.map(({ status }) => status),
      [200, 200],
    );
    const third = await ask('203.0.113.7');
    t.equal(third.status, 503);
    t.match(await third.json(), { code: 'RT_TOO_MANY_STREAMS', message: /identity has 1 event streams/ });
    const other = await ask('198.51.100.1');
    t.equal(other.status, 200);
    for (const stream of [...streams, other]) await stream.body?.cancel();
  });

  t.test('stops checking invalid tokens of one address after a while, and checks those of others', async (t) => {
    const codes = new Set<string>();
    for (let n = 0; n < 20; n += 1) {
      const client = from('203.0.113.66', `eyJhbGciOiJIUzI1NiJ9.${n}.x`);
      await refused(client);
      codes.add(client.frames[0]?.code);
    }
    t.same([...codes].sort(), ['AUTH_TOKEN_INVALID', 'LIMIT_RATE']);
    const last = from('203.0.113.66', 'eyJhbGciOiJIUzI1NiJ9.x.x');
    t.equal((await refused(last))?.code, 1013, 'which is told apart from a token that was refused');
    const good = await from('203.0.113.8', await token({ role: 'authenticated', sub: 'eve' })).open();
    t.match(good.frames[0], { op: 'ready', role: 'authenticated' });
    await closeAll();
  });
});

t.test('rejects WebSockets and event streams that are opened too fast before their handshake', async (t) => {
  const service = await startTestRealtime(undefined, {
    OPENS_PER_S: '1',
    IDENTITY_SHARE_PERCENT: '10',
    SUBSCRIBES_PER_S: '1',
  });
  t.teardown(() => service.stop());
  const sockets: RawSocket[] = [];
  // The burst of 30 s admits half of 30, then a share of 3. At most one per second is refilled meanwhile.
  for (let n = 0; n < 15; n += 1) sockets.push(await RawSocket.open(service.url));
  const answers: number[] = [];
  for (let n = 0; n < 12; n += 1) {
    const answer = await fetch(`${service.url.replace('ws', 'http')}/live?query=commentary`);
    if (answer.status === 429) {
      t.ok(Number(answer.headers.get('retry-after')) > 0);
      t.match(await answer.json(), { code: 'LIMIT_RATE', hint: /Retry-After/ });
    } else await answer.body?.cancel();
    answers.push(answer.status);
  }
  t.ok(answers.includes(200) && answers.includes(429), answers.join());
  const refused = new LiveClient(service.url);
  await until(() => refused.closed !== undefined, 'the refusal');
  for (const { tcp } of sockets) tcp.destroy();
});
