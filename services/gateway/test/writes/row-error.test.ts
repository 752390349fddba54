/** Tests lost connections under joined inserts: every request is answered, and each acknowledged row exists once. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const script = await readFile(new URL('../writes.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script });
const { sql } = gateway;
const claims = { role: 'authenticated', sub: 'ada' };
const authorization = `Bearer ${await gateway.token(claims)}`;
interface Row {
  code: string;
  author: string;
  id: number;
}

const insert = (author: string, body = 'x') =>
  fetch(`${gateway.url}/rest/v1/notes`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', prefer: 'return=representation' },
    body: JSON.stringify({ author, body }),
  });
const terminate = () =>
  sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '%/write'`;

t.test('loses no acknowledged insert when all write connections end again and again', async (t) => {
  const acknowledged = new Map<string, number>();
  const problems = new Map<string, number>();
  let slowest = 0;
  let kills = 0;
  let running = true;
  const clients = Array.from({ length: 60 }, async (_, client) => {
    for (let n = 0; running || n === 0; n += 1) {
      const author = `${client}/${n}`;
      const began = Date.now();
      const answer = await insert(author);
      const body = (await answer.json()) as Row | [Row];
      const row = Array.isArray(body) ? body[0] : body;
      slowest = Math.max(slowest, Date.now() - began);
      if (answer.status === 201) {
        if (row.author !== author) t.fail('another row', { author, row });
        acknowledged.set(author, row.id);
      } else {
        problems.set(row.code, (problems.get(row.code) ?? 0) + 1);
        if (answer.status !== 503) t.fail('neither done nor to be tried again', row);
      }
    }
  });
  const deadline = Date.now() + 30_000;
  // Each time some were acknowledged since the last.
  for (let seen = 0; kills < 8 && Date.now() < deadline; ) {
    if (acknowledged.size < seen + 40) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    await terminate();
    kills += 1;
    seen = acknowledged.size;
  }
  running = false;
  await Promise.all(clients);
  t.equal(kills, 8);
  t.ok(problems.size > 0, `some were in flight: ${JSON.stringify([...problems])}`);
  t.ok(slowest < 5_000, `every answer within 5 s: ${slowest} ms`);
  const stored = await sql`select author, count(*)::int as n, min(id)::int as id from notes group by author`;
  const byAuthor = new Map(stored.map((row) => [row.author as string, row]));
  for (const [author, id] of acknowledged) {
    if (byAuthor.get(author)?.id !== id) t.fail('acknowledged and lost', { author, id });
  }
  t.ok(
    stored.every((row) => row.n === 1),
    'none twice',
  );
  t.ok(acknowledged.size <= stored.length);
});

t.test('a transaction leaves nothing when its connection ends', async (t) => {
  const operations = Array.from({ length: 20 }, (_, i) => ({
    method: 'POST',
    path: '/rest/v1/notes',
    body: { author: 'together', body: `part ${i}` },
  }));
  let lost = 0;
  let done = 0;
  for (let round = 0; round < 15; round += 1) {
    const answers = Array.from({ length: 4 }, () =>
      gateway.request('/api/v1/transaction', { method: 'POST', claims, body: JSON.stringify({ operations }) }),
    );
    await terminate();
    for (const answer of await Promise.all(answers)) {
      if (answer.status === 200) done += 1;
      else if (answer.status === 503) lost += 1;
      else t.fail(`neither done nor to be tried again: ${answer.status} ${await answer.text()}`);
    }
  }
  const [row] = await sql`select count(*)::int as n from notes where author = 'together'`;
  t.equal(row?.n % 20, 0, 'all or nothing');
  t.ok(row?.n / 20 >= done && row?.n / 20 <= done + lost);
});
