/** The client against a gateway and a realtime service, with a wire between that is cut. */
import { metricsPage } from '@tidemark/local-stack';
import t from 'tap';
import { WebSocket } from 'ws';
import { createClient, type LiveEvent, type TidemarkClient, TidemarkError } from '../src/index.ts';
import { LiveSocket } from '../src/live/live-socket.ts';
import type { WebSocketClass } from '../src/live/web-socket.ts';
import { Session } from '../src/session.ts';
import { type Backend, startBackend, startWire, waitFor } from './backend.ts';
import { manyQueries } from './many-queries.ts';

interface Database {
  public: {
    Tables: {
      commentary: {
        Row: { id: number; match_id: number; body: string };
        Insert: { match_id: number; body?: string };
        Update: { match_id?: number; body?: string };
        Relationships: [];
      };
      note: {
        Row: { owner: string; body: string };
        Insert: { body: string };
        Update: { body?: string };
        Relationships: [];
      };
    };
    Views: Record<never, never>;
    Functions: Record<never, never>;
  };
}

type Commentary = { id: number; body: string };

t.test('client', async (t) => {
  const backend: Backend = await startBackend();
  const wire = await startWire(backend.url);
  t.teardown(async () => {
    await wire.stop();
    await backend.stop();
  });
  const { sql } = backend;
  const liveUrl = `${wire.url.replace('http', 'ws')}/live`;
  let lastMatch = 0;

  /** A client that is closed with the test. */
  async function open(t: { teardown(undo: () => void): void }, sub = 'ann') {
    const client = createClient<Database>(backend.url, { token: await backend.token(sub), liveUrl, WebSocket });
    t.teardown(() => client.close());
    return client;
  }
  const newMatch = () => {
    lastMatch += 1;
    return lastMatch;
  };
  const query = (client: TidemarkClient<Database>, match: number) =>
    client.from('commentary').select('id,body').eq('match_id', match);
  const bodies = (rows: readonly { body: string }[]) => rows.map((row) => row.body).sort();

  t.test('what was written is read, from whatever replica', async (t) => {
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

  t.test('a loop over a live query gets the rows, then each change', async (t) => {
    const client = await open(t);
    const match = newMatch();
    // By this client, so that its snapshot is no older.
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
    t.equal(live.status, 'closed', 'the loop has ended it');
    await waitFor(
      () => client.status.is === 'idle',
      () => `the socket to be let go; it is ${client.status.is}`,
    );
    await t.rejects(live.ready(), { code: 'CLIENT_CLOSED' });
  });

  t.test('an array is kept, through a cut wire and what was missed meanwhile', async (t) => {
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
    await waitFor(
      () => live.rows.length === 49,
      () => `49 rows; there are ${live.rows.length}`,
      20_000,
    );
    t.same(bodies(live.rows), bodies(rows));
    t.ok(calls >= 2);
    t.ok(statuses.includes('waiting') && statuses.at(-1) === 'open', `went through ${[...new Set(statuses)]}`);
    const before = live.rows;
    t.equal(live.rows, before, 'the same array until the next change');
  });

  t.test('a window keeps its order, through a cut wire too', async (t) => {
    const client = await open(t);
    const match = newMatch();
    await sql`insert into commentary (match_id, body) select ${match}, chr(96 + n) from generate_series(1, 8) as n`;
    const live = query(client, match).order('body', { ascending: false }).limit(3).live();
    await live.ready();
    const shows = async (expected: string) => {
      const shown = () => live.rows.map(({ body }) => body).join(' ');
      await waitFor(
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

  t.test('a connection that is only half open is noticed by its silence', async (t) => {
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
    const patience = { pingMs: 50, pongMs: 400 };
    const socket = new LiveSocket(liveUrl, WebSocket as unknown as WebSocketClass, session, on, patience);
    t.teardown(() => socket.close());
    await waitFor(
      () => readyAt !== undefined && Date.now() - readyAt > 600,
      () => 'pings to be answered',
    );
    t.equal(end, undefined, 'answered pings keep it');
    wire.freeze();
    await waitFor(
      () => end !== undefined,
      () => 'the silence to be noticed',
    );
    t.equal(end, 'the server is silent');
    wire.cut();
  });

  t.test('those who ask the same share one subscription, and a later one begins with the rows', async (t) => {
    const client = await open(t);
    const match = newMatch();
    await sql`insert into commentary (match_id, body) values (${match}, 'one')`;
    const first = await query(client, match).live().ready();
    const second = await query(client, match).live().ready();
    // The snapshot is a replica's, which may not have the row yet; then it comes as a change.
    await waitFor(
      () => first.rows.length === 1,
      () => 'the row',
    );
    t.equal(first.rows, second.rows);
    const [event] = await take(query(client, match).live(), 1);
    t.match(event, { type: 'snapshot', rows: [{ body: 'one' }] });
    first.close();
    await sql`insert into commentary (match_id, body) values (${match}, 'two')`;
    await waitFor(
      () => second.rows.length === 2,
      () => 'the change to come to the one that is left',
    );
    t.same(bodies(second.rows), ['one', 'two']);
    second.close();
  });

  t.test('a live change is never ahead of a read that follows it', async (t) => {
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

  t.test('another identity sees its own rows, and nothing of the one before is left', async (t) => {
    const client = await open(t, 'ann');
    await client.from('note').insert({ body: 'of ann' });
    const bob = await open(t, 'bob');
    await bob.from('note').insert({ body: 'of bob' });
    const live = await client.from('note').select().live().ready();
    t.same(live.rows, [{ owner: 'ann', body: 'of ann' }]);
    client.setToken(await backend.token('bob'));
    await waitFor(
      () => live.rows[0]?.owner === 'bob',
      () => `bob's row; there are ${JSON.stringify(live.rows)}`,
    );
    t.same(live.rows, [{ owner: 'bob', body: 'of bob' }]);
    client.setToken(undefined);
    await waitFor(
      () => live.status === 'failed',
      () => `a refusal; it is ${live.status}`,
    );
    t.match(live.error, { code: '42501', hint: /./ });
    live.close();
  });

  t.test('a token that expires is replaced in place, and a refused one ends in an error', async (t) => {
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
    await waitFor(
      () => given >= 2,
      () => 'the token to be asked for again',
    );
    t.equal(live.status, 'live');
    const refused = createClient(backend.url, { token: 'no.jwt.atall', liveUrl, WebSocket });
    t.teardown(() => refused.close());
    await t.rejects(refused.from('commentary').select().live().ready(), { code: /^AUTH_/ });
    t.match((await refused.from('commentary').select()).error, { code: /^AUTH_/ });
  });

  t.test('what cannot be followed is refused with the reason', async (t) => {
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

  t.test('files go up, are listed, come down, and go', async (t) => {
    const client = await open(t, 'ann');
    const stored = await client.files.upload('notes/one.txt', new Blob(['one'], { type: 'text/plain' }), {
      metadata: { of: 'ann' },
    });
    t.match(stored, { path: 'notes/one.txt', size: 3, content_type: /^text\/plain/, metadata: { of: 'ann' } });
    t.equal(await (await client.files.download('notes/one.txt')).text(), 'one');
    t.equal(await (await client.files.download(stored.id, { range: 'bytes=1-1' })).text(), 'n');
    t.match(await client.files.list({ prefix: 'notes/' }), [{ id: stored.id }]);
    const { url } = await client.files.sign(stored.id, 60);
    t.equal(await (await fetch(new URL(url, backend.url))).text(), 'one');
    const streamed = new Response('two').body as ReadableStream;
    t.match(await client.files.upload('notes/one.txt', streamed, { replace: true }), { size: 3 });
    await t.rejects(client.files.upload('notes/one.txt', 'three'), { code: /./, name: 'TidemarkError' });
    await client.files.remove('notes/one.txt');
    await t.rejects(client.files.download('notes/one.txt'), { code: /./, name: 'TidemarkError' });
  });

  t.test('a job is started, followed and cancelled', async (t) => {
    const client = await open(t, 'ann');
    await client.files.upload('in/one.png', new Blob([PNG]));
    const spec = { input: { prefix: 'in/' }, transform: { greyscale: true } };
    const job = await client.jobs.start({ kind: 'image.transform', spec });
    t.match(await client.jobs.get(job.id), { state: 'queued' });
    t.match(await client.jobs.list(), [{ id: job.id }]);
    const states: string[] = [];
    const finished = client.jobs.finished(job.id, ({ state }) => states.push(state));
    await waitFor(
      () => states.length > 0,
      () => 'the job',
    );
    await client.jobs.cancel(job.id);
    t.match(await finished, { state: 'cancelled' });
    t.same(states, ['queued', 'cancelled']);
    const bob = await open(t, 'bob');
    await t.rejects(bob.jobs.finished(job.id), { code: 'CLIENT_JOB_NOT_FOUND' });
  });

  t.test('the devices of a user hear and see each other, through a cut wire', async (t) => {
    const phone = (await open(t, 'ann')).channel('user:ann', { state: { device: 'phone' } });
    const laptop = (await open(t, 'ann')).channel('user:ann', { state: { device: 'laptop' } });
    const heard: unknown[] = [];
    laptop.onMessage(({ event, payload }) => heard.push([event, payload]));
    t.throws(() => phone.send('early'), { code: 'CLIENT_NOT_JOINED' });
    await Promise.all([phone.join(), laptop.join()]);
    const devices = (channel: typeof phone) => channel.members.map(({ state }) => state.device).sort();
    const both = () => devices(phone).length === 2 && devices(laptop).length === 2;
    await waitFor(both, () => 'both to see both');
    t.same(devices(phone), ['laptop', 'phone']);
    phone.send('seen', { id: 1 });
    await waitFor(
      () => heard.length === 1,
      () => 'the message',
    );
    wire.cut();
    await waitFor(
      () => phone.status !== 'live' && laptop.status !== 'live',
      () => 'the cut to be noticed',
    );
    await waitFor(
      () => phone.status === 'live' && laptop.status === 'live' && both(),
      () => 'both to be back',
    );
    phone.show({ device: 'tablet' });
    await waitFor(
      () => devices(laptop).includes('tablet'),
      () => 'the new state',
    );
    phone.send('again');
    await waitFor(
      () => heard.length === 2,
      () => 'the message after it',
    );
    t.same(heard, [
      ['seen', { id: 1 }],
      ['again', null],
    ]);
    phone.leave();
    await waitFor(
      () => devices(laptop).length === 1,
      () => 'the phone to be gone',
    );
    const bob = (await open(t, 'bob')).channel('user:ann');
    await t.rejects(bob.join(), { code: 'RT_CHANNEL_FORBIDDEN', retry: false });
    t.equal(bob.status, 'failed');
    laptop.leave();
    bob.leave();
  });

  t.test('when its server stops it is served until its time, and goes on at another, with no gap', async (t) => {
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
    await waitFor(
      async () => /tidemark_live_peers\{[^}]*\} 1\n/.test(await metricsPage(first.url)),
      () => 'the one to hear of the other',
    );
    await first.stop();
    writing = false;
    await writer;
    const all = Array.from({ length: written }, (_, n) => `b${n + 1}`);
    for (const { live, states, seen } of clients) {
      await waitFor(
        () => live.rows.length === written,
        () => `${written} rows; there are ${live.rows.length}, ${states}`,
      );
      const inserted = seen.flatMap((event) => (event.type === 'insert' ? [event.row.body] : []));
      t.same(inserted, all, 'each once, in order');
      t.same(
        seen.filter(({ type }) => type !== 'insert').map(({ type }) => type),
        ['snapshot'],
        'none began anew',
      );
      t.same(states.slice(-4), ['leaving', 'connecting', 'entering', 'open'], 'it moved over at once');
      live.close();
    }
  });

  await manyQueries(t, backend, liveUrl);

  t.test('a closed client leaves no socket', async (t) => {
    await waitFor(
      () => wire.open() === 0,
      () => `all sockets to close; ${wire.open()} are open`,
      8_000,
    );
    t.equal(wire.open(), 0);
  });
});

async function take<Row>(live: AsyncIterable<LiveEvent<Row>>, count: number): Promise<LiveEvent<Row>[]> {
  const events: LiveEvent<Row>[] = [];
  for await (const event of live) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
