/** Tests of many and of unusual live queries, run by live-queries.test.ts on its backend. */
import { randomUUID } from 'node:crypto';
import { LIVE_QUERY_BYTES } from '@tidemark/contracts';
import { metricsPage, until } from '@tidemark/testing';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { createClient } from '../src/index.ts';
import type { Backend } from './backend.ts';

export async function manyQueries(t: Test, backend: Backend, liveUrl: string): Promise<void> {
  const { sql } = backend;
  const open = async (t: { teardown(undo: () => void): void }) => {
    const client = createClient(backend.url, { token: await backend.token('ann'), liveUrl, WebSocket });
    t.teardown(() => client.close());
    return client;
  };
  const gauge = async (name: string) =>
    Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, 'm').exec(await metricsPage(backend.liveServiceUrl))?.[1]);
  const subscriptions = (count: number) => {
    let now = -1;
    return until(
      async () => {
        now = await gauge('tidemark_subscriptions');
        return now === count;
      },
      () => `${count} subscriptions; there are ${now}`,
    );
  };

  await t.test('after 90 mounts and unmounts, one subscription remains', async (t) => {
    const client = await open(t);
    await subscriptions(0);
    const query = () => client.from('commentary').select('id,body').eq('match_id', 9_001).live();
    for (let n = 0; n < 90; n += 1) {
      const live = query();
      const stop = live.onChange(() => {});
      // Closes at once, as React does in development, and in every state of the subscription.
      if (n % 3 > 0) await new Promise((resolve) => setTimeout(resolve, n % 9));
      if (n === 89) await live.ready();
      stop();
      live.close();
    }
    const kept = await query().ready();
    await subscriptions(1);
    kept.close();
    await subscriptions(0);
  });

  await t.test('130 queries use two sockets, and each receives its changes', async (t) => {
    const client = await open(t);
    const all = Array.from({ length: 130 }, (_, n) =>
      client
        .from('commentary')
        .select('id,body')
        .eq('match_id', 10_000 + n)
        .live(),
    );
    await Promise.all(all.map((live) => live.ready()));
    await subscriptions(130);
    await sql`insert into commentary (match_id, body) select 10000 + n, 'b' || n from generate_series(0, 129) as n`;
    await until(
      () => all.every((live) => live.rows.length === 1),
      () => `a row in each; ${all.filter((live) => live.rows.length !== 1).length} lack it`,
    );
    t.same(
      all.map((live) => live.rows[0]?.body),
      all.map((_, n) => `b${n}`),
    );
    t.equal(client.status.is, 'open');
  });

  await t.test('two spellings of one query are both followed', async (t) => {
    const client = await open(t);
    const one = await client.from('commentary').select('id,body').eq('match_id', 9_002).gt('id', 0).live().ready();
    const other = await client.from('commentary').select('id,body').gt('id', 0).eq('match_id', 9_002).live().ready();
    await sql`insert into commentary (match_id, body) values (9002, 'x')`;
    await until(
      () => one.rows.length === 1 && other.rows.length === 1,
      () => `the row in both: ${one.rows.length}, ${other.rows.length}`,
    );
    t.same(one.rows, other.rows);
  });

  await t.test('a refused join rejects with the server’s code, and live queries continue', async (t) => {
    const client = await open(t);
    const live = await client.from('commentary').select('id,body').eq('match_id', 9_003).live().ready();
    const ids = Array.from({ length: 5 }, (_, n) => `q1.${n}`);
    for (const id of ids) {
      await t.rejects(client.channel('user:bob', { state: { id, channel: 'user:ann' } }).join(), {
        code: 'RT_CHANNEL_FORBIDDEN',
      });
    }
    t.equal(live.status, 'live');
    const own = client.channel('user:ann', { state: { id: 'q1.1' } });
    own.leave();
    await own.join();
    t.equal(own.members.length <= 1, true);
    own.leave();
  });

  await t.test(
    'keys and values beyond the precision of a double are exact in snapshots, changes and reads',
    async (t) => {
      const client = await open(t);
      await client.from('big').insert([
        { id: '9007199254740992', amount: '0.1' },
        { id: '9007199254740993', amount: '0.12345678901234567891' },
      ]);
      const live = await client.from('big').select('id,amount').live().ready();
      await until(
        () => live.rows.length === 2,
        () => `both rows: ${JSON.stringify(live.rows)}`,
      );
      const rows = [
        { id: 9007199254740992, amount: 0.1 },
        { id: '9007199254740993', amount: '0.12345678901234567891' },
      ];
      t.same(
        [...live.rows].sort((a, b) => String(a.id).localeCompare(String(b.id))),
        rows,
      );
      t.same((await client.from('big').select('id,amount').order('id')).data, rows);
      await sql`insert into big values (9007199254740994, 1)`;
      await sql`update big set amount = 2 where id = 9007199254740993`;
      await sql`delete from big where id = 9007199254740992`;
      const after = [
        { id: '9007199254740993', amount: 2 },
        { id: 9007199254740994, amount: 1 },
      ];
      await until(
        () =>
          JSON.stringify([...live.rows].sort((a, b) => String(a.id).localeCompare(String(b.id)))) ===
          JSON.stringify(after),
        () => `${JSON.stringify(after)}; there are ${JSON.stringify(live.rows)}`,
      );
      t.equal(live.rows.length, 2);
      const { data } = await client
        .from('big')
        .select()
        .eq('id', live.rows.find(({ amount }) => amount === 2)?.id as string);
      t.equal(data?.length, 1, 'the key finds the row');
    },
  );

  await t.test('a deleted row of a table without a key is removed, whatever the order of its members', async (t) => {
    const client = await open(t);
    await client.from('loose').insert([
      { longer_name: 1, a: 'x' },
      { longer_name: 1, a: 'x' },
      { longer_name: 2, a: 'y' },
    ]);
    const live = await client.from('loose').select().live().ready();
    await until(
      () => live.rows.length === 3,
      () => `three rows: ${JSON.stringify(live.rows)}`,
    );
    await sql`delete from loose where ctid = (select min(ctid) from loose)`;
    await sql`update loose set a = 'z' where longer_name = 2`;
    await until(
      () => live.rows.some(({ a }) => a === 'z'),
      () => 'the update',
    );
    t.same(live.rows.map(({ a }) => a).sort(), ['x', 'z']);
  });

  await t.test('follows a list of 1,000 ids, and rejects a query longer than LIVE_QUERY_BYTES', async (t) => {
    const client = await open(t);
    const ids = Array.from({ length: 1_000 }, () => randomUUID());
    const live = await client.from('commentary').select('id,body').eq('match_id', 9_004).in('body', ids).live().ready();
    await sql`insert into commentary (match_id, body) values (9004, ${ids[999] as string}), (9004, 'other')`;
    await until(
      () => live.rows.length === 1,
      () => 'the row of the list',
    );
    t.equal(live.rows[0]?.body, ids[999]);
    const long = client.from('commentary').select().eq('body', 'x'.repeat(LIVE_QUERY_BYTES)).live();
    await t.rejects(long.ready(), { code: 'RT_QUERY_TOO_LONG' });
    t.equal(live.status, 'live');
  });
}
