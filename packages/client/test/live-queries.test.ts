/** Live queries of a client, against a gateway and a realtime service, with a TCP proxy between them that tests cut. */
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { createClient, type LiveEvent } from '../src/index.ts';
import { LiveSocket } from '../src/live/live-socket.ts';
import type { WebSocketClass } from '../src/live/web-socket.ts';
import { Session } from '../src/session.ts';
import { startClients } from './clients.ts';
import { manyQueries } from './many-queries.ts';

type Commentary = { id: number; body: string };

t.test('live queries follow the database through faults', async (t) => {
  const { backend, wire, liveUrl, open, newMatch, noSockets, query } = await startClients(t);
  const { sql } = backend;
  const bodies = (rows: readonly { body: string }[]) => rows.map((row) => row.body).sort();

  t.test('a loop over a live query receives the rows, then each change', async (t) => {
    const client = await open(t);
    const match = newMatch();
    // This client inserts, so that its snapshot is at least as new.
    await client.from('commentary').insert({ match_id: match, body: 'first' });
    const seen: LiveEvent<Commentary>[] = [];
    const live = query(client, match).live();
    for await (const event of live) {
      seen.push(event);
      if (event.type === 'snapshot') await sql`insert into commentary (match_id, body) values (${match}, 'second')`;
      if (event.type === 'insert') await sql`update commentary set body = 'third' where id = ${event.row.id}`;
      if (event.type === 'update') await sql`update commentary set match_id = -1 where id = ${event.row.id}`;
      if (event.type === 'leave') break;
    }
    t.same(
      seen.map((event) => event.type),
      ['snapshot', 'insert', 'update', 'leave'],
    );
    t.match(seen[0], { rows: [{ body: 'first' }] });
    t.match(seen[2], { row: { body: 'third' }, position: /\.[0-9A-F]{8}$/ });
    t.equal(live.status, 'closed', 'the end of the loop closes the query');
    await until(
      () => client.status.is === 'idle',
      () => `the connection to be idle; it is ${client.status.is}`,
    );
    await t.rejects(live.ready(), { code: 'CLIENT_CLOSED' });
  });

  t.test('the array of rows stays current through lost connections and the changes missed meanwhile', async (t) => {
    const client = await open(t);
    const match = newMatch();
    const statuses: string[] = [];
    client.onStatus((state) => statuses.push(state.is));
    const live = query(client, match).live();
    t.teardown(() => live.close());
    let calls = 0;
    live.onChange(() => {
      calls += 1;
    });
    await live.ready();
    for (let n = 1; n <= 50; n += 1) {
      await sql`insert into commentary (match_id, body) values (${match}, ${`b${n}`})`;
      if (n % 10 === 0) wire.cut();
      if (n === 35) await sql`delete from commentary where match_id = ${match} and body = 'b7'`;
    }
    const rows = await sql<{ body: string }[]>`select body from commentary where match_id = ${match}`;
    await until(
      () => live.rows.length === 49,
      () => `49 rows; there are ${live.rows.length}`,
    );
    t.same(bodies(live.rows), bodies(rows));
    t.ok(calls >= 2);
    t.ok(statuses.includes('waiting') && statuses.at(-1) === 'open', `went through ${[...new Set(statuses)]}`);
    const before = live.rows;
    t.equal(live.rows, before, 'the same array until the next change');
  });

  t.test('a window keeps its order, also after a lost connection', async (t) => {
    const client = await open(t);
    const match = newMatch();
    await sql`insert into commentary (match_id, body) select ${match}, chr(96 + n) from generate_series(1, 8) as n`;
    const live = query(client, match).order('body', { ascending: false }).limit(3).live();
    await live.ready();
    const shows = async (expected: string) => {
      const shown = () => live.rows.map(({ body }) => body).join(' ');
      await until(
        () => shown() === expected,
        () => `${expected}; it is ${shown()}`,
      );
      t.equal(shown(), expected);
    };
    await shows('h g f');
    await sql`insert into commentary (match_id, body) values (${match}, 'gg')`;
    await shows('h gg g');
    await sql`update commentary set body = 'z' where match_id = ${match} and body = 'b'`;
    await shows('z h gg');
    await sql`delete from commentary where match_id = ${match} and body = 'h'`;
    await shows('z gg g');
    wire.cut();
    await sql`update commentary set body = 'gz' where match_id = ${match} and body = 'g'`;
    await shows('z gz gg');
    live.close();
  });

  t.test('detects a half-open connection by unanswered pings', async (t) => {
    const session = new Session({ token: undefined, fetch });
    let end: string | undefined;
    let readyAt: number | undefined;
    const on = {
      opened: () => {},
      ready: () => {
        readyAt = Date.now();
      },
      frame: () => {},
      lost: (reason: string) => {
        end = reason;
      },
      refused: (error: Error) => {
        end = error.message;
      },
    };
    const pingTimes = { pingMs: 50, pongMs: 400 };
    const socket = new LiveSocket(liveUrl, WebSocket as unknown as WebSocketClass, session, on, pingTimes);
    t.teardown(() => socket.close());
    await until(
      () => readyAt !== undefined && Date.now() - readyAt > 600,
      () => 'pings to be answered',
    );
    t.equal(end, undefined, 'answered pings keep the connection');
    wire.freeze();
    await until(
      () => end !== undefined,
      () => 'the silence to be noticed',
    );
    t.equal(end, 'the server is silent');
    wire.cut();
  });

  t.test('equal queries share one subscription, and a later one starts with the rows held', async (t) => {
    const client = await open(t);
    const match = newMatch();
    await sql`insert into commentary (match_id, body) values (${match}, 'one')`;
    const first = await query(client, match).live().ready();
    const second = await query(client, match).live().ready();
    // The snapshot may come from a replica without the row; then the row arrives as a change.
    await until(
      () => first.rows.length === 1,
      () => 'the row',
    );
    t.equal(first.rows, second.rows);
    const [event] = await take(query(client, match).live(), 1);
    t.match(event, { type: 'snapshot', rows: [{ body: 'one' }] });
    first.close();
    await sql`insert into commentary (match_id, body) values (${match}, 'two')`;
    await until(
      () => second.rows.length === 2,
      () => 'the change to reach the remaining query',
    );
    t.same(bodies(second.rows), ['one', 'two']);
    second.close();
  });

  t.test('a read after a live change sees that change', async (t) => {
    const client = await open(t);
    const match = newMatch();
    const live = query(client, match).live();
    let count = 0;
    for await (const event of live) {
      if (event.type === 'insert') {
        count += 1;
        const { data } = await query(client, match);
        t.ok((data?.length ?? 0) >= count);
        if (count === 20) break;
      }
      await sql`insert into commentary (match_id) values (${match})`;
    }
  });

  t.test('stays with a stopping server until its assigned time, then resumes at another without a gap', async (t) => {
    const [first, second] = await Promise.all([backend.startLive(), backend.startLive()]);
    t.teardown(() => second.stop());
    const match = newMatch();
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = createClient(backend.url, {
          token: await backend.token('ann'),
          liveUrl: first.liveUrl,
          WebSocket,
        });
        t.teardown(() => client.close());
        const states: string[] = [];
        client.onStatus(({ is }) => states.push(is));
        const live = client.from('commentary').select('id,body').eq('match_id', match).live();
        const seen: LiveEvent<Commentary>[] = [];
        live.onChange((_rows, events) => seen.push(...(events as LiveEvent<Commentary>[])));
        await live.ready();
        return { live, states, seen };
      }),
    );
    let written = 0;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        written += 1;
        await sql`insert into commentary (match_id, body) values (${match}, ${`b${written}`})`;
      }
    })();
    await until(
      async () => /tidemark_live_peers\{[^}]*\} 1\n/.test(await metricsPage(first.url)),
      () => 'the first service to learn of the second',
    );
    await first.stop();
    writing = false;
    await writer;
    const all = Array.from({ length: written }, (_, n) => `b${n + 1}`);
    for (const { live, states, seen } of clients) {
      await until(
        () => live.rows.length === written,
        () => `${written} rows; there are ${live.rows.length}, ${states}`,
      );
      const inserted = seen.flatMap((event) => (event.type === 'insert' ? [event.row.body] : []));
      t.same(inserted, all, 'each change arrives once, in order');
      t.same(
        seen.filter(({ type }) => type !== 'insert').map(({ type }) => type),
        ['snapshot'],
        'no second snapshot',
      );
      t.same(states.slice(-4), ['leaving', 'connecting', 'entering', 'open'], 'reconnects at once');
      live.close();
    }
  });

  await manyQueries(t, backend, liveUrl);

  t.test('a closed client leaves no socket open', noSockets);
});

async function take<Row>(live: AsyncIterable<LiveEvent<Row>>, count: number): Promise<LiveEvent<Row>[]> {
  const events: LiveEvent<Row>[] = [];
  for await (const event of live) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}
