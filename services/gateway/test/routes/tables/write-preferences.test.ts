/** Preferences, keys and preconditions in any combination: refused clearly or done exactly, never half. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const script = await readFile(new URL('../../writes.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script });
const { sql } = gateway;
const claims = { role: 'authenticated', sub: 'ada' };
const state = async () => JSON.stringify(await sql`select * from accounts order by id`);
/** Mostly nothing: a request with all of them is refused by the first. */
const some = (...values: string[]) => fc.constantFrom('', '', '', '', ...values);

const preferences = fc
  .tuple(
    some('return=minimal', 'return=headers-only', 'return=representation'),
    some('resolution=merge-duplicates', 'resolution=ignore-duplicates'),
    some('missing=default'),
    some('tx=rollback', 'tx=commit'),
    some(
      'handling=strict, max-affected=1',
      'max-affected=1',
      'handling=lenient, nonsense=1',
      'handling=strict, nonsense=1',
    ),
    some('results=per-row'),
    some('count=exact'),
  )
  .map((all) => all.filter((one) => one !== '').join(', '));
const body = fc.oneof(
  fc.record({ id: fc.integer({ min: 1, max: 6 }), balance: fc.integer({ min: -2, max: 20 }) }),
  fc.array(fc.record({ id: fc.integer({ min: 1, max: 6 }), balance: fc.integer({ min: -2, max: 20 }) }), {
    maxLength: 4,
  }),
  fc.constant({}),
  fc.constant({ nowhere: 1 }),
);
const request = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'PATCH', 'PUT', 'DELETE'),
  search: fc.constantFrom(
    '',
    '?id=eq.1',
    '?id=eq.3&select=id',
    '?columns=id,balance',
    '?on_conflict=id',
    '?columns=balance&id=lt.4',
  ),
  prefer: preferences,
  body,
  key: some('a', 'b'),
  match: some('*', '"x"', 'W/"y"', 'garbage'),
  none: some('*', '"x"'),
  accept: some('application/vnd.pgrst.object+json', 'text/csv'),
});

t.test('any combination of preferences and conditions changes what its status says', async (t) => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ method, search, prefer, body, key, match, none, accept }) => {
      const before = await state();
      const headers = Object.entries({
        prefer,
        'idempotency-key': key,
        'if-match': match,
        'if-none-match': none,
        accept,
      });
      const answer = await gateway.request(`/rest/v1/accounts${search}`, {
        method,
        claims,
        headers: Object.fromEntries(headers.filter(([, value]) => value !== '')),
        ...(method === 'DELETE' ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const after = await state();
      if (answer.status >= 500) throw new Error(`${answer.status} ${text}`);
      if (answer.status >= 400 && !JSON.parse(text).code) throw new Error(`no code: ${text}`);
      if (answer.status >= 400 || prefer.includes('tx=rollback') || answer.headers.has('idempotency-replayed')) {
        if (after !== before) throw new Error(`changed by ${answer.status} ${text}`);
      } else if (method === 'POST' && !prefer.includes('resolution') && answer.status === 201) {
        const sent = Array.isArray(body) ? body.length : 1;
        const grown = JSON.parse(after).length - JSON.parse(before).length;
        if (grown !== sent) throw new Error(`${sent} sent, ${grown} more: ${text}`);
      } else if (answer.status === 207) {
        const results = JSON.parse(text) as { index: number; status: number }[];
        const grown = JSON.parse(after).length - JSON.parse(before).length;
        if (!prefer.includes('resolution') && grown !== results.filter((one) => one.status === 201).length)
          throw new Error(text);
      }
    }),
    { numRuns: 600 },
  );
  for (const status of [201, 204, 207, 400, 409, 412]) t.ok(statuses.has(status), `some were ${status}`);
});
