/** Numbers in a token that JavaScript would round: policies see the digits that were signed, and no state is shared with the neighbour. */
import { CompactSign } from 'jose';
import t from 'tap';
import { createUrlSigner } from '../../../src/routes/files/signed-url.ts';
import { SECRET, useGateway } from '../../gateway-fixture.ts';

const { url, sql } = await useGateway(t, {
  script: `
    create table orders (id int generated always as identity primary key, org bigint not null, note text);
    insert into orders (org, note) values (9007199254740992, 'even'), (9007199254740993, 'odd');
    alter table orders enable row level security;
    create policy own on orders to authenticated
      using (org = ((current_setting('request.jwt.claims', true)::jsonb ->> 'org')::bigint));
    grant select, insert on orders to authenticated;
    create function my_org() returns text stable language sql as $$ select current_setting('request.jwt.claims')::jsonb ->> 'org' $$`,
});
const EVEN = '9007199254740992';
const ODD = '9007199254740993';

async function ask(org: string, path: string, init: RequestInit = {}): Promise<Response> {
  const claims = `{"role":"authenticated","sub":"ada","org":${org}}`;
  const token = await new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(SECRET));
  const headers = { ...init.headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return fetch(`${url}/rest/v1/${path}`, { ...init, headers });
}

t.test('a policy tells neighbouring tenants apart, in repeated and in concurrent reads', async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const notes = await Promise.all(
      [EVEN, ODD, EVEN, ODD].map(async (org) => (await ask(org, 'orders?select=note')).json()),
    );
    t.same(notes, [[{ note: 'even' }], [{ note: 'odd' }], [{ note: 'even' }], [{ note: 'odd' }]]);
  }
});

t.test('a function sees every digit', async (t) => {
  for (const org of [EVEN, ODD, '-9007199254740993', '12345678901234567890.10']) {
    t.equal(await (await ask(org, 'rpc/my_org')).json(), org);
  }
});

t.test('concurrent inserts and equal Idempotency-Keys are each tenant’s own', async (t) => {
  const insert = (token: string, org: string, headers: Record<string, string> = {}) =>
    ask(token, 'orders', { method: 'POST', body: `{"org":${org},"note":"new"}`, headers });
  const concurrent = await Promise.all([insert(EVEN, EVEN), insert(ODD, ODD), insert(EVEN, ODD), insert(ODD, EVEN)]);
  t.same(
    concurrent.map(({ status }) => status),
    [201, 201, 403, 403],
  );
  const key = { 'idempotency-key': 'same' };
  const first = await insert(EVEN, EVEN, key);
  const second = await insert(ODD, ODD, key);
  t.same([first.status, second.status], [201, 201]);
  t.equal(second.headers.get('idempotency-replayed'), null);
  t.equal((await insert(ODD, ODD, key)).headers.get('idempotency-replayed'), 'true');
  t.same(
    [...(await sql`select org::text, count(*)::int as n from orders group by org order by org`)],
    [
      { org: EVEN, n: 3 },
      { org: ODD, n: 3 },
    ],
  );
});

t.test('a signed URL carries every digit of its signer', (t) => {
  const signer = createUrlSigner(SECRET, ['authenticated']);
  const id = '00000000-0000-0000-0000-000000000001';
  const expires = Math.floor(Date.now() / 1_000) + 60;
  const signed = signer.sign(id, expires, { role: 'authenticated', claims: `{"sub":"ada","org":${ODD},"exp":1}` });
  const used = signer.check(id, String(expires), new URL(signed, url).searchParams.get('signature') ?? '');
  t.equal(used.signer.claims, `{"org":${ODD},"sub":"ada"}`);
  t.end();
});
