/** GET /live?query=…: the same subscription as Server-Sent Events. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { type Event, openStream as open } from '../open-stream.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

t.test('event streams', async (t) => {
  const service = await startTestRealtime(undefined, {
    MAX_EVENT_STREAMS: '2',
    IDENTITY_SHARE_PERCENT: '100',
    PING_MS: '1000',
  });
  t.teardown(() => service.stop());
  const http = service.url.replace('ws', 'http');
  const url = (query: string, more = '') => `${http}/live?query=${encodeURIComponent(query)}${more}`;
  const count = () => service.realtime.streams.counts().open;
  const seen = (events: Event[], name: string, n = 1) =>
    until(
      () => events.filter((one) => one.event === name).length >= n,
      () => `${n} ${name}: ${JSON.stringify(events)}`,
    );

  t.test('sends a snapshot, changes with ids, and the changes after the last id', async (t) => {
    await service.sql(`insert into commentary (match_id, body) values (1, 'before')`);
    await service.replayed();
    const first = await open(url('commentary?match_id=eq.1&select=id,body'));
    t.match(first.response.headers.get('content-type'), 'text/event-stream');
    await seen(first.events, 'snapshot');
    const placed = () => first.events.find(({ id }) => id !== undefined);
    await until(() => placed() !== undefined, 'an id to resume from');
    t.match(placed()?.id, /-[0-9A-F]{16}\.FFFFFFFF$/, 'with the snapshot, or behind it');
    await service.sql(`insert into commentary (match_id, body) values (1, 'one')`);
    const withChanges = () => first.events.filter(({ data }) => data.changes?.length > 0);
    await until(() => withChanges().length > 0, 'the change');
    t.match(first.events, [
      { event: 'subscribed', id: undefined, data: { key: ['id'] } },
      { event: 'snapshot', data: { rows: [{ body: 'before' }], done: true, tidemark: /-[0-9A-F]{16}$/ } },
    ]);
    t.match(withChanges(), [
      { event: 'changes', id: /-[0-9A-F]{16}\./, data: { changes: [{ type: 'insert', row: { body: 'one' } }] } },
    ]);
    first.close();
    await until(() => count() === 0, 'the stream to be forgotten');
    await service.sql(`insert into commentary (match_id, body) values (1, 'two')`);
    const again = await open(url('commentary?match_id=eq.1&select=id,body'), {
      'last-event-id': first.events.at(-1)?.id as string,
    });
    t.teardown(() => again.close());
    await seen(again.events, 'changes');
    t.match(again.events.at(-1)?.data.changes, [{ type: 'insert', row: { body: 'two' } }]);
    t.notOk(again.events.some((one) => one.event === 'snapshot'));
    await until(() => again.text === '' && again.response.ok, 'nothing half');
  });

  t.test('ends with a resync without an id for a position that is gone', async (t) => {
    const stream = await open(url('commentary?match_id=eq.2'), {
      'last-event-id': '000000000-0000000000000001.00000001',
    });
    await until(() => stream.isOver, 'the end');
    t.match(stream.events.at(-1), { event: 'resync', id: '', data: { reason: /epoch/ } });
  });

  t.test('rejects with a status and the remedy', async (t) => {
    for (const [given, status, code] of [
      [`${http}/live`, 400, 'RT_STREAM_QUERY'],
      [url('commentary?select=count()'), 400, 'RT_QUERY_UNSUPPORTED'],
      [url('nothing'), 404, 'RT_TABLE_UNKNOWN'],
      [url('commentary', '&apikey=no.jwt.here'), 401, /^AUTH_/],
    ] as const) {
      const refused = await open(given);
      t.match(
        { status: refused.response.status, ...('problem' in refused ? (refused.problem as object) : {}) },
        { status, code, hint: /./ },
      );
    }
    t.equal(count(), 0);
  });

  t.test('limits streams, and ends them with their token and the service', async (t) => {
    const short = await open(url('commentary', '&snapshot=false'), {
      authorization: `Bearer ${await token({ role: 'authenticated' }, 1)}`,
    });
    const long = await open(url('commentary?match_id=eq.7', '&snapshot=false'));
    t.match(await open(url('commentary')), { problem: { code: 'RT_TOO_MANY_STREAMS' } });
    await until(() => short.isOver, 'the token to end it');
    t.match(short.events.at(-1), { event: 'problem', data: { code: 'RT_TOKEN_EXPIRED' } });
    await service.realtime.streams.drain(0, () => undefined);
    await until(() => long.isOver, 'the end');
    t.equal(count(), 0);
  });
});
