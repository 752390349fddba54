/** Names that JavaScript's objects have already, JSON with line breaks, and long queries: over both transports, to the end. */
import { randomUUID } from 'node:crypto';
import { LIVE_QUERY_BYTES } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from './live-client.ts';
import { openStream } from './open-stream.ts';
import { startTestRealtime, token } from './test-realtime.ts';

const NAMES = ['constructor', 'hasOwnProperty', 'toString', 'valueOf', ' ', 'a"b', 'a.b', 'a,b', 'ü'];
/** In the order of their names: `to_jsonb` has another order than the table. */
const inOrder = (row: object) => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const SETUP = `
create table public."__proto__" (
  "id" int primary key, "__proto__" text, ${NAMES.map((name) => `${quoted(name)} text`).join(', ')}
);
create table public."constructor" ("__proto__" text, "constructor" int, primary key ("__proto__", "constructor"));
create policy own on public."constructor"
  using ("__proto__" = current_setting('request.jwt.claims', true)::json ->> '__proto__');
alter table public."constructor" enable row level security;
create table public.doc (id int primary key, body json, grp int not null default 1);
create table public.item (id uuid primary key, body text);
alter table public."__proto__" replica identity full;
alter table public."constructor" replica identity full;
alter table public.doc replica identity full;
alter table public.item replica identity full;
grant select on public."__proto__", public."constructor", public.doc, public.item to anon, authenticated;
alter publication tidemark add table public."__proto__", public."constructor", public.doc, public.item;`;

t.test('odd names and sizes', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const http = service.url.replace('ws', 'http');
  const streamUrl = (query: string) => `${http}/live?query=${encodeURIComponent(query)}`;

  t.test('accepts any column name in filters, selects, aliases, snapshots, changes, modes and windows', async (t) => {
    const columns = ['__proto__', ...NAMES];
    const list = columns.map(quoted).join(', ');
    const values = (n: number) => columns.map((_, at) => `'v${n}.${at}'`).join(', ');
    await service.sql(`insert into "__proto__" (id, ${list}) values (1, ${values(1)})`);
    await service.replayed();
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    const whole = (n: number) =>
      inOrder(Object.fromEntries([['id', n], ...columns.map((name, at) => [name, `v${n}.${at}`])]));
    const rowsOf = (topic: number) =>
      client.frames
        .flatMap((frame) => {
          if (frame.topic !== topic) return [];
          if (frame.op === 'snapshot') return frame.rows;
          return frame.op === 'changes' ? frame.changes.flatMap(({ row }) => row ?? []) : [];
        })
        .map((row) => inOrder(row as object));
    const topics: [string, number, string, string][] = [];
    for (const [n, name] of columns.entries()) {
      const key = encodeURIComponent(quoted(name).replaceAll('""', '\\"'));
      const query = `__proto__?${key}=in.(v1.${n},v2.${n})`;
      topics.push([name, await client.subscribe(`f${n}`, query, { snapshot: true }), whole(1), whole(2)]);
    }
    const renamed = 'id,__proto__:constructor,constructor:__proto__';
    const short = (n: number) => inOrder(JSON.parse(`{"id":${n},"__proto__":"v${n}.1","constructor":"v${n}.0"}`));
    topics.push([
      'renamed',
      await client.subscribe('r', `__proto__?select=${renamed}`, { snapshot: true }),
      short(1),
      short(2),
    ]);
    const latest = { snapshot: true, mode: 'latest' };
    topics.push(['latest', await client.subscribe('l', `__proto__?select=${renamed}`, latest), short(1), short(2)]);
    const window = `__proto__?select=${renamed}&order=__proto__.desc&limit=5`;
    topics.push(['window', await client.subscribe('w', window, { snapshot: true }), short(1), short(2)]);
    await service.sql(`insert into "__proto__" (id, ${list}) values (2, ${values(2)})`);
    for (const [name, topic, before, after] of topics) {
      await until(
        () => rowsOf(topic).length >= 2,
        () => `both rows by ${name}; there are ${rowsOf(topic)}`,
      );
      t.same(rowsOf(topic), [before, after], `by ${name}`);
    }
    t.match(await client.refusal('x', '__proto__?hasOwn=eq.1'), { code: 'RT_COLUMN_UNKNOWN' });
  });

  t.test('accepts a key and a claim called __proto__ under row-level security', async (t) => {
    const ann = await new LiveClient(service.url, {
      token: await token(JSON.parse('{"role":"authenticated","sub":"ann","__proto__":"a"}')),
    }).open();
    t.teardown(() => ann.close());
    const topic = await ann.subscribe('c', 'constructor', { snapshot: true });
    await service.sql(`insert into "constructor" values ('b', 1), ('a', 1)`);
    await service.sql(`update "constructor" set "constructor" = 2`);
    await until(() => ann.changes(topic).length === 2, 'the two changes');
    t.same(
      ann.changes(topic).map((change) => JSON.stringify(change)),
      [
        '{"type":"insert","row":{"__proto__":"a","constructor":1}}',
        '{"type":"update","row":{"__proto__":"a","constructor":2},"old":{"__proto__":"a","constructor":1}}',
      ],
    );
  });

  t.test('sends json with line breaks as one event, in snapshots and changes', async (t) => {
    const body = '{"a":\n1,\r\n"b":[\r2\n,"\\n"]}';
    const parsed = { a: 1, b: [2, '\n'] };
    await service.sql('insert into doc values (1, $1)', [body]);
    await service.replayed();
    const stream = await openStream(streamUrl('doc?select=id,body'));
    t.teardown(() => stream.close());
    const rows = () =>
      stream.events.flatMap(({ data }) => [
        ...(data.rows ?? []),
        ...(data.changes ?? []).map(({ row }: { row: unknown }) => row),
      ]);
    await until(() => rows().length === 1, 'the snapshot');
    await service.sql('insert into doc values (2, $1)', [body]);
    await service.sql('update doc set grp = 2 where id = 1');
    await until(
      () => rows().length >= 3,
      () => `the changes: ${JSON.stringify(stream.events)}`,
    );
    t.same(rows(), [
      { id: 1, body: parsed },
      { id: 2, body: parsed },
      { id: 1, body: parsed },
    ]);
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    const topic = await client.subscribe('d', 'doc?select=id,body&id=eq.2', { snapshot: true });
    const [snapshot] = client.frames.filter((frame) => frame.op === 'snapshot' && frame.topic === topic);
    t.same(snapshot?.rows, [{ id: 2, body: parsed }]);
  });

  t.test('follows a list of 1,000 ids over both transports', async (t) => {
    const ids = Array.from({ length: 1_000 }, () => randomUUID());
    const query = `item?id=${encodeURIComponent(`in.(${ids.map((id) => `"${id}"`).join(',')})`)}`;
    t.ok(query.length > 40_000 && query.length < LIVE_QUERY_BYTES, `${query.length} characters`);
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    const topic = await client.subscribe('many', query, { snapshot: true });
    const plain = `item?id=in.(${ids.join(',')})`;
    const stream = await openStream(streamUrl(plain));
    t.teardown(() => stream.close());
    t.equal(stream.response.status, 200);
    await until(() => stream.events.some(({ data }) => data.done === true), 'the snapshot');
    await service.sql(`insert into item values ($1, 'other'), ($2, 'first'), ($3, 'last')`, [
      randomUUID(),
      ids[0],
      ids[999],
    ]);
    const streamed = () => stream.events.flatMap(({ data }) => data.changes ?? []);
    await until(() => client.changes(topic).length === 2 && streamed().length === 2, 'the two of the list');
    t.same(
      client.changes(topic).map(({ row }) => row?.id),
      [ids[0], ids[999]],
    );
    t.same(streamed(), client.changes(topic));
  });

  t.test('rejects a query over the limit with its size, and keeps the socket open', async (t) => {
    const client = await new LiveClient(service.url).open();
    t.teardown(() => client.close());
    const long = `item?body=eq.${'ü'.repeat(LIVE_QUERY_BYTES / 2)}`;
    t.match(await client.refusal('long', long), {
      code: 'RT_QUERY_TOO_LONG',
      message: `the query has ${Buffer.byteLength(long)} bytes; a live query may have ${LIVE_QUERY_BYTES}`,
      retry: false,
    });
    await client.subscribe('short', 'item?body=eq.x', { snapshot: true });
    const stream = await openStream(streamUrl(`item?body=eq.${'x'.repeat(LIVE_QUERY_BYTES)}`));
    // The request line came in one packet, or in several.
    t.match(stream, { problem: { code: /^HTTP_(URL_TOO_LONG|HEADERS_TOO_LARGE)$/, hint: /./ } });
  });
});
