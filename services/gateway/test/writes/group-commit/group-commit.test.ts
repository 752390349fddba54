/** Tests that joined inserts have the same results as separate ones. */

import { readFile } from 'node:fs/promises';
import { metricsPage } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import { GroupCommit, halves } from '../../../src/writes/group-commit/group-commit.ts';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('../../writes.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script });
const { sql } = gateway;
const tokens = await Promise.all(['ada', 'bob', 'cyd'].map((sub) => gateway.token({ role: 'authenticated', sub })));
const post = (path: string, who: number, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/rest/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[who]}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const WHOLE = { prefer: 'return=representation' };
const counter = async (name: string) => {
  const page = await metricsPage(gateway.url);
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(page)?.[1] ?? 0);
};

t.test('each of a thousand concurrent inserts gets its own row, and a failure concerns one row', async (t) => {
  const sent = Array.from({ length: 1_000 }, (_, i) => {
    const kind = i % 25 === 7 ? 'check' : i % 25 === 13 ? 'twice' : 'good';
    const body = kind === 'check' ? 'forbidden' : `note ${i}`;
    return { who: i % 3, kind, row: { author: String(i), body, tag: kind === 'twice' ? 'the same' : null } };
  });
  const answers = await Promise.all(
    sent.map(async ({ who, row }, i) => {
      const prefer = ['return=representation', 'return=headers-only', 'return=minimal'][i % 4] ?? WHOLE.prefer;
      const response = await post('notes', who, row, { prefer });
      const text = await response.text();
      return { response, prefer, body: text === '' ? null : JSON.parse(text) };
    }),
  );
  const stored = new Map((await sql`select *, id::text as key from notes`).map((row) => [row.author as string, row]));
  let twice = 0;
  for (const [i, { kind, row }] of sent.entries()) {
    const { response, prefer, body } = answers[i]!;
    const kept = stored.get(String(i));
    if (kind === 'check') {
      if (response.status !== 400 || body.code !== '23514' || kept) t.fail('the check', { i, body, kept });
    } else if (response.status === 409) {
      if (kind !== 'twice' || body.code !== '23505' || kept) t.fail('the unique tag', { i, body, kept });
    } else if (response.status !== 201 || !kept || !response.headers.get('tidemark')) {
      t.fail('a good row', { i, status: response.status, body, kept });
    } else {
      if (kind === 'twice') twice += 1;
      if (prefer === WHOLE.prefer) {
        const [own] = body;
        t.match(own, { id: Number(kept.key), author: String(i), body: row.body, shouted: row.body.toUpperCase() });
      } else if (prefer === 'return=headers-only') {
        t.equal(response.headers.get('location'), `/rest/v1/notes?id=eq.${kept.key}`);
      } else t.equal(body, null);
    }
  }
  t.equal(twice, 1, 'one row has the tag');
  t.equal(stored.size, 1_000 - 40 - 39, 'no row more');
  // The rows of a group depend on timing, so bursts behind a locked table repeat until a row that fails was in a group.
  for (let round = 0; round < 50 && (await counter('tidemark_insert_groups_failed_total')) === 0; round += 1) {
    const burst = Array.from({ length: 60 }, (_, i) => ({
      author: 'burst',
      body: i % 6 === 5 ? 'forbidden' : 'fine',
      tag: null,
    }));
    const statuses = await sql.begin(async (tx) => {
      await tx`lock table notes in share row exclusive mode`;
      const posted = burst.map(async (row) => (await post('notes', 0, row, { prefer: 'return=minimal' })).status);
      while ((await counter('tidemark_insert_groups_waiting_rows')) < 10) await tx`select`;
      return { posted };
    });
    t.same(
      await Promise.all(statuses.posted),
      burst.map((row) => (row.body === 'fine' ? 201 : 400)),
    );
  }
  t.ok((await counter('tidemark_insert_groups_total')) > 0, 'some were joined');
  t.ok((await counter('tidemark_insert_groups_failed_total')) > 0, 'and some groups were taken apart');
  t.equal(await counter('tidemark_insert_groups_waiting_rows'), 0);
});

t.test('identities are never mixed', async (t) => {
  const names = ['ada', 'bob', 'cyd'];
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      // Every seventh claims to be another one, which the policy refuses.
      const owner = i % 7 === 0 ? names[(i + 1) % 3] : names[i % 3];
      const response = await post('own_notes?select=owner,body', i % 3, { owner, body: String(i) }, WHOLE);
      return { i, owner, status: response.status, body: await response.json() };
    }),
  );
  for (const { i, owner, status, body } of answers) {
    if (i % 7 === 0) t.match({ status, body }, { status: 403, body: { code: '42501' } });
    else t.same({ status, body }, { status: 201, body: [{ owner, body: String(i) }] });
  }
  const [row] =
    await sql`select count(*)::int as n from own_notes where owner <> (array['ada','bob','cyd'])[body::int % 3 + 1]`;
  t.equal(row?.n, 0);
});

t.test('does not group inserts into a table with triggers', async (t) => {
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => post('audited', 0, { id: i, body: 'x' }, { 'user-agent': `agent ${i}` })),
  );
  const rows = await sql`select statements, agent from audit`;
  t.equal(rows.length, 50);
  t.ok(rows.every((row) => row.statements === 1));
  t.equal(new Set(rows.map((row) => row.agent)).size, 50, 'each with its own headers');
});

t.test('a row that waits for a lock does not hold up the others', async (t) => {
  let waiting: Promise<Response[]> | undefined;
  await sql.begin(async (tx) => {
    await tx`insert into notes (author, body, tag) values ('outside', 'x', 'held')`;
    waiting = Promise.all([1, 2].map((n) => post('notes', 0, { author: `w${n}`, body: 'x', tag: 'held' })));
    const others = await Promise.all(
      Array.from({ length: 40 }, (_, i) => post('notes', 0, { author: `o${i}`, body: 'x', tag: `free ${i}` })),
    );
    t.ok(
      others.every((response) => response.status === 201),
      'while the row is still held',
    );
  });
  for (const response of (await waiting) ?? []) t.equal(response.status, 409);
});

t.test('missing=default, columns and embeds give the same result in a group as alone', async (t) => {
  const many = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      post(
        'accounts?columns=id,balance&select=id,balance,transfers(amount)',
        0,
        { id: 100 + i, balance: i, extra: 'ignored' },
        {
          prefer: 'return=representation, missing=default',
        },
      ).then((response) => response.json()),
    ),
  );
  t.same(
    many,
    many.map((_, i) => [{ id: 100 + i, balance: i, transfers: [] }]),
  );
  const objects = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      post('notes?select=author', 0, { author: `m${i}`, body: 'y' }, { ...WHOLE, accept: 'text/csv' }).then((r) =>
        r.text(),
      ),
    ),
  );
  t.same(
    objects,
    objects.map((_, i) => `author\nm${i}`),
  );
});

t.test('refuses an insert at once when the queue is full', async (t) => {
  const small = await useGateway(t, { script, env: { INSERT_GROUPS_WAITING: '1' } });
  const [one] = await small.sql`select 1`;
  t.ok(one);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      small.request('/rest/v1/notes', {
        method: 'POST',
        claims: { role: 'authenticated', sub: 'ada' },
        body: JSON.stringify({ author: String(i), body: 'x' }),
      }),
    ),
  );
  const refused = answers.filter((response) => response.status === 503);
  t.ok(refused.length > 0);
  t.ok(refused.every((response) => response.headers.get('retry-after') === '1'));
  const [stored] = await small.sql`select count(*)::int as n from notes`;
  t.equal(stored?.n, answers.filter((response) => response.status === 201).length);
});

t.test('the state machine loses nothing, runs nothing twice and keeps its limits', (t) => {
  const event = fc.oneof(
    fc.record({
      add: fc.constantFrom('a', 'b', 'c'),
      bytes: fc.integer({ min: 1, max: 40 }),
      owner: fc.constantFrom('ann', 'bob'),
    }),
    fc.record({ finished: fc.constantFrom('a', 'b', 'c') }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const limits = { rows: 3, bytes: 50, waiting: 8, waitingBytes: 150, identityPercent: 60 };
      const groups = new GroupCommit<number>(limits);
      const running = new Map<string, number[]>();
      const waiting = new Map<string, { id: number; bytes: number; owner: string }[]>();
      let id = 0;
      for (const next of events) {
        if ('add' in next) {
          id += 1;
          const decision = groups.add(next.add, id, next.bytes, () => next.owner);
          const queue = waiting.get(next.add) ?? [];
          const all = [...waiting.values()].flat();
          const bytes = all.reduce((sum, one) => sum + one.bytes, next.bytes);
          const own = all.filter(({ owner }) => owner === next.owner);
          const ownBytes = own.reduce((sum, one) => sum + one.bytes, next.bytes);
          const overShare = (used: number, mine: number, limit: number) =>
            own.length > 0 && used > limit / 2 && mine > limit * 0.6;
          if (!running.has(next.add)) {
            if (decision !== 'run') return false;
            running.set(next.add, [id]);
          } else if (all.length >= limits.waiting || bytes > limits.waitingBytes) {
            if (decision !== 'instance' && decision !== 'share') return false;
          } else if (
            overShare(all.length + 1, own.length + 1, limits.waiting) ||
            overShare(bytes, ownBytes, limits.waitingBytes)
          ) {
            if (decision !== 'share') return false;
          } else {
            if (decision !== 'wait') return false;
            waiting.set(next.add, [...queue, { id, bytes: next.bytes, owner: next.owner }]);
          }
        } else if (running.has(next.finished)) {
          const group = groups.finished(next.finished);
          const queue = waiting.get(next.finished) ?? [];
          if (group === undefined) {
            if (queue.length > 0) return false;
            running.delete(next.finished);
            continue;
          }
          const taken = queue.splice(0, group.length);
          if (group.length === 0 || group.length > limits.rows) return false;
          if (taken.some((one, i) => one.id !== group[i])) return false;
          if (group.length > 1 && taken.reduce((sum, one) => sum + one.bytes, 0) > limits.bytes) return false;
          running.set(next.finished, group);
        }
      }
      const total = [...waiting.values()].reduce((sum, list) => sum + list.length, 0);
      return groups.rows.used === total && groups.running === running.size;
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 2 }), (group) => {
      const [left, right] = halves(group);
      return left.length > 0 && right.length > 0 && JSON.stringify([...left, ...right]) === JSON.stringify(group);
    }),
  );
  t.end();
});
