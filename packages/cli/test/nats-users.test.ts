/**
 * The four real services under the NATS users that `npm start` gives them: all of their traffic is allowed, and what is another
 * service's is not.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bus, type BusEvent, connectBus } from '@tidemark/bus';
import { clientOf } from '@tidemark/bus/client';
import { inboxPrefix, LiveList, SERVICE_NAMES, type ServiceName, subjects } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { Type } from 'typebox';
import { launch, processesOf } from './tidemark-up.ts';

/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

t.test('each service has exactly the NATS permissions that it uses', { timeout: 180_000 }, async (t) => {
  const up = await launch(t, { args: ['--no-demo'] });
  await up.line(/^ready /);
  const base = `http://127.0.0.1:${up.port}`;
  const read = async <T>(name: string) => JSON.parse(await readFile(join(up.home, name), 'utf8')) as T;
  const tokens = await read<{ user: string; ops: string }>('credentials.json');
  const passwords = await read<Record<string, string>>('nats-passwords.json');
  const address = /nats +nats:\/\/(\S+)/.exec(up.output())?.[1] as string;
  for (const password of Object.values(passwords)) t.notMatch(up.output(), password, 'no password is printed');
  // A replica may be behind, so each request asks for what the last one wrote.
  let tidemark = '';
  const ask = async <T>(path: string, token: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${base}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(tidemark === '' ? {} : { tidemark }), ...init.headers },
    });
    tidemark = answer.headers.get('tidemark') ?? tidemark;
    if (!answer.ok) throw new Error(`${answer.status} ${path}: ${await answer.text()}`);
    return (await answer.json()) as T;
  };

  // A subscription (relay, JetStream, realtime), a job (work queue, batch), figures and inspections (metrics).
  const live = new AbortController();
  t.teardown(() => live.abort());
  const stream = await fetch(`${base}/live?query=jobs&profile=tidemark&snapshot=true`, {
    headers: { authorization: `Bearer ${tokens.user}` },
    signal: live.signal,
  });
  t.equal(stream.status, 200);
  const frames = collect(stream);
  const file = await ask<{ id: string }>('/api/v1/files/pixel.png', tokens.user, { method: 'PUT', body: PIXEL });
  const job = await ask<{ id: string }>('/api/v1/jobs', tokens.user, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      kind: 'image.transform',
      spec: { input: { files: [file.id] }, transform: { format: 'webp' } },
    }),
  });
  await until(async () => {
    const { state, error } = await ask<{ state: string; error: unknown }>(`/api/v1/jobs/${job.id}`, tokens.user);
    if (state === 'failed') throw new Error(JSON.stringify(error));
    return state === 'succeeded';
  });
  await until(() => /"state":"succeeded"/.test(frames.text()));
  const health = await until(async () => {
    const answer = await ask<{ status: string; problems: string[]; instances: unknown[] }>(
      '/api/v1/performance/health',
      tokens.ops,
    );
    return answer.instances.length === 4 && answer.status === 'ok' ? answer : undefined;
  });
  t.same(health.problems, []);
  t.match(await ask('/api/v1/performance/live', tokens.ops), {
    silent: [],
    instances: [{ instance: 'realtime-1', eventStreams: 1 }],
    subscriptions: [{ schema: 'tidemark', role: 'authenticated' }],
  });
  const commandLines = (await processesOf(up.home)).join('\n');
  for (const name of ['gateway-1', 'realtime-1', 'batch-1', 'metrics-1']) {
    const log = await readFile(join(up.home, 'logs', `${name}.log`), 'utf8');
    t.notMatch(log, /bus\.(permission_denied|unauthorized)/, name);
    for (const secret of [...Object.values(passwords), tokens.ops])
      t.notOk(log.includes(secret), 'no secret is logged');
  }
  for (const password of Object.values(passwords)) t.notOk(commandLines.includes(password), 'nor in a command line');

  t.test('a client without credentials gets nothing', async (t) => {
    for (const url of [
      `nats://${address}`,
      `nats://gateway:wrong@${address}`,
      `nats://${passwords.batch}@${address}`,
    ]) {
      await t.rejects(connectBus({ url, name: 'stranger' }), { code: 'BUS_UNAUTHORIZED' });
    }
  });

  t.test('the credentials of one service do not give the rights of another', async (t) => {
    const s = subjects();
    const { changes, work } = s.streams;
    const forbidden: Record<ServiceName, { publish: string[]; subscribe: string[] }> = {
      gateway: {
        publish: [s.changes('public', 'x'), s.work('high'), s.telemetry('batch', 'b'), s.inspect('why', 'realtime-1')],
        subscribe: [s.allInspections, s.allTelemetry, s.allChanges, s.channel('room'), '_INBOX.>', '>'],
      },
      realtime: {
        publish: [
          s.work('high'),
          s.telemetry('metrics', 'm'),
          s.inspect('why', 'realtime-1'),
          `$JS.API.STREAM.DELETE.${changes}`,
        ],
        subscribe: [s.allWork, s.telemetry('gateway', 'g'), '_INBOX.metrics.>'],
      },
      batch: {
        publish: [s.changes('public', 'x'), '_INBOX.realtime.x', `$JS.API.CONSUMER.CREATE.${changes}.mine`],
        subscribe: [s.allInspections, s.allChanges, s.allTelemetry],
      },
      metrics: {
        publish: [
          s.work('normal'),
          s.changes('public', 'x'),
          s.telemetry('batch', 'b'),
          `$JS.API.STREAM.MSG.GET.${changes}`,
          `$JS.ACK.${work}.batch-high.1.1.1.1.1`,
        ],
        subscribe: [s.allWork, s.allChanges, s.allInspections, s.channel('room')],
      },
    };
    for (const service of SERVICE_NAMES) {
      const denied = new Set<string>();
      const bus = await connectAs(service, (event) => {
        if (event.type === 'bus.permission_denied')
          denied.add(event.error.message.replace(/.* to (publish on|subscribe to) /, ''));
      });
      const { publish, subscribe } = forbidden[service];
      for (const subject of publish) clientOf(bus).nc.publish(subject, '{}');
      for (const subject of subscribe) clientOf(bus).nc.subscribe(subject, { callback: () => {} });
      await bus.flush();
      const expected = [...publish, ...subscribe].sort();
      // The comparison below reports missing denials.
      await until(() => denied.size === expected.length).catch(() => {});
      t.same([...denied].sort(), expected, service);
      await bus.close();
    }
  });

  t.test('access to NATS does not make anybody an operator', async (t) => {
    const bus = await connectAs('metrics', () => {});
    t.teardown(() => bus.close());
    const list = (token?: string) =>
      bus.ask(
        bus.subjects.inspect('subscriptions', 'realtime-1'),
        { token, after: 0, limit: 10 },
        { schema: LiveList, timeoutMs: 5_000 },
      );
    await t.rejects(list(), { code: 'AUTH_REQUIRED' });
    await t.rejects(list(tokens.user), { code: 'AUTH_FORBIDDEN' });
    t.match(await list(tokens.ops), { eventStreams: 1 });
    await t.rejects(bus.ask('inspect.nothing.x', {}, { schema: Type.Any(), timeoutMs: 1_000 }), { code: 'BUS_NOBODY' });
  });

  function connectAs(service: ServiceName, observe: (event: BusEvent) => void): Promise<Bus> {
    const url = `nats://${service}:${passwords[service]}@${address}`;
    return connectBus({ url, name: `test as ${service}`, inboxPrefix: inboxPrefix(service), observe });
  }
});

/** Collects the text of an event stream. */
function collect(response: Response): { text(): string } {
  let text = '';
  const decoder = new TextDecoder();
  (async () => {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>)
      text += decoder.decode(chunk, { stream: true });
  })().catch(() => {}); // The request is aborted at the end of the test.
  return { text: () => text };
}
