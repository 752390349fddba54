/** The proxy before a real realtime service. */
import { once } from 'node:events';
import { METRICS_ENV, until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { useGateway } from '../../gateway-fixture.ts';
import { forkRealtime } from '../../realtime-process.ts';
import { openHandshake } from './handshake.ts';

t.test('passes tokens in headers, close codes and the frame limit of the realtime service', async (t) => {
  const gateway = await useGateway(t, {});
  const stack = await useTestStack();
  const realtime = await forkRealtime({
    DATABASE_URL: gateway.database.primaryUrl,
    NATS_URL: stack.natsUrl,
    NATS_PREFIX: stack.natsPrefix(),
    RELAY: 'false',
    TRUST_PROXY: 'loopback',
    ...METRICS_ENV,
  });
  t.teardown(realtime.stop);
  const url = await gateway.another({ REALTIME_URL: realtime.url });
  const live = `${url.replace('http', 'ws')}/live`;
  const ada = await gateway.token({ role: 'authenticated', sub: 'ada' });
  const first = async (address: string, headers: Record<string, string>) => {
    const ws = new WebSocket(address, 'tidemark.v1', { headers });
    const [message] = await once(ws, 'message');
    return { ws, frame: JSON.parse(String(message)) };
  };
  const close = async (ws: WebSocket) => ((await once(ws, 'close')) as [number])[0];
  const bearer = await first(live, { authorization: `Bearer ${ada}` });
  t.match(bearer.frame, { op: 'ready', role: 'authenticated' });
  t.match((await first(live, { apikey: ada })).frame, { role: 'authenticated' });
  t.match((await first(`${live}?apikey=${ada}`, {})).frame, { role: 'authenticated' });
  const header = await first(`${live}?apikey=${ada}`, { authorization: 'Bearer wrong' });
  t.match(header.frame, { op: 'error', code: 'AUTH_TOKEN_INVALID' }, 'the header comes first');
  t.equal(await close(header.ws), 4100);
  t.match((await first(live, {})).frame, { role: 'anon' });
  const unknown = openHandshake(url, 'Sec-WebSocket-Protocol: graphql-ws\r\n');
  // A close frame's payload begins with its code: 4103.
  await until(() => unknown.text().split('\r\n\r\n')[1]?.slice(2, 4) === '\x10\x07', 'the close code 4103');
  unknown.socket.destroy();

  const before = process.memoryUsage().rss;
  const huge = bearer.ws;
  // The gateway cuts this connection on purpose.
  huge.on('error', () => {});
  huge.send(Buffer.alloc(100 * 1024 ** 2));
  t.equal(await close(huge), 1009);
  t.ok(process.memoryUsage().rss - before < 350 * 1024 ** 2, 'the test itself holds the frame, and its masked copy');

  const stream = await fetch(`${url}/live?query=nowhere`);
  t.match(await stream.json(), { code: /^RT_/ }, 'an answer of realtime');
});
