/** The queries that the unmodified postgrest-js builds are parsed as intended. */
import { PostgrestClient } from '@supabase/postgrest-js';
import t from 'tap';
import { type ParseOptions, parsePrefer, parseQuery, selectMediaType } from '../src/index.ts';

/** Runs `build` on a client with a fake fetch, and parses the URL that it requested. */
async function sent(build: (client: PostgrestClient) => PromiseLike<unknown>, options: ParseOptions = {}) {
  const requests: { url: URL; headers: Headers }[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    requests.push({ url: new URL(String(input)), headers: new Headers(init?.headers) });
    return new Response('[]', { headers: { 'content-type': 'application/json' } });
  };
  await build(new PostgrestClient('http://tidemark.test', { fetch: fetch as typeof globalThis.fetch }));
  const { url, headers } = requests[0]!;
  return {
    query: parseQuery(url.search, options),
    prefer: parsePrefer(headers.get('prefer') ?? undefined),
    media: selectMediaType(headers.get('accept') ?? undefined),
  };
}

t.test('parses the filters of postgrest-js', async (t) => {
  const { query } = await sent((client) =>
    client
      .from('t')
      .select('*')
      .eq('a', 'x,y')
      .neq('b', 1)
      .gt('c', 1)
      .like('d', '%x%')
      .likeAllOf('e', ['a%', '%b'])
      .ilikeAnyOf('f', ['a%'])
      .is('g', null)
      .in('h', ['a', 'b,c', '(d)', 'e'])
      .contains('i', ['x', 'y'])
      .contains('j', { k: 1 })
      .containedBy('k', ['z'])
      .overlaps('l', ['z'])
      .rangeGt('m', '[1,2)')
      .rangeAdjacent('n', '[1,2)')
      .textSearch('o', 'fat & cat', { type: 'websearch', config: 'english' })
      .not('p', 'in', '(1,2)')
      .filter('data->>q', 'eq', 'r')
      .or('a.eq.1,and(b.gt.2,c.is.null)')
      .or('x.eq.1', { referencedTable: undefined as never })
      .match({ s: 1, u: 'v' }),
  );
  t.match(query.where, [
    { op: 'eq', value: 'x,y' },
    { op: 'neq', value: '1' },
    { op: 'gt', value: '1' },
    { op: 'like', value: '%x%' },
    { op: 'like', quantifier: 'all', value: '{a%,%b}' },
    { op: 'ilike', quantifier: 'any', value: '{a%}' },
    { kind: 'is', value: 'null' },
    { kind: 'in', values: ['a', 'b,c', '(d)', 'e'] },
    { op: 'cs', value: '{x,y}' },
    { op: 'cs', value: '{"k":1}' },
    { op: 'cd', value: '{z}' },
    { op: 'ov', value: '{z}' },
    { op: 'sr', value: '[1,2)' },
    { op: 'adj', value: '[1,2)' },
    { kind: 'fts', op: 'wfts', language: 'english', value: 'fat & cat' },
    { kind: 'in', negate: true, values: ['1', '2'] },
    { op: 'eq', field: { name: 'data', json: [{ arrow: '->>', key: 'q' }] } },
    { kind: 'or', conditions: [{ op: 'eq' }, { kind: 'and', conditions: [{ op: 'gt' }, { kind: 'is' }] }] },
    { kind: 'or' },
    { op: 'eq', value: '1' },
    { op: 'eq', value: 'v' },
  ]);
});

t.test('parses the embeds, orders and pages of postgrest-js', async (t) => {
  const { query, prefer, media } = await sent((client) =>
    client
      .from('t')
      .select('id, title:name::text, teams!inner ( id, players:people!fk ( * ) ), ...extra(x), amount.sum()', {
        count: 'exact',
      })
      .eq('teams.id', 1)
      .or('a.eq.1,b.eq.2', { referencedTable: 'teams' })
      .order('id', { ascending: false, nullsFirst: true })
      .order('name')
      .order('id', { referencedTable: 'teams' })
      .limit(5, { referencedTable: 'teams' })
      .range(10, 19)
      .maybeSingle(),
  );
  t.match(query, {
    select: [
      { field: { name: 'id' } },
      { alias: 'title', cast: 'text' },
      {
        name: 'teams',
        join: 'inner',
        limit: 5,
        order: [{ direction: 'asc' }],
        where: [{ op: 'eq' }, { kind: 'or' }],
        select: [{}, { alias: 'players', name: 'people', hint: 'fk' }],
      },
      { name: 'extra', spread: true },
      { aggregate: 'sum' },
    ],
    order: [
      { direction: 'desc', nulls: 'first' },
      { direction: 'asc', nulls: null },
    ],
    limit: 10,
    offset: 10,
  });
  t.match(prefer, { count: 'exact', invalid: [] });
  t.match(media, { kind: 'json' });
});

t.test('parses the writes and function calls of postgrest-js', async (t) => {
  const upsert = await sent((client) =>
    client
      .from('t')
      .upsert([{ id: 1, 'b c': 2 }], { onConflict: 'id,b c', defaultToNull: false })
      .select('id')
      .single(),
  );
  t.match(upsert.query, { onConflict: ['id', 'b c'], columns: ['id', 'b c'] });
  t.match(upsert.prefer, { resolution: 'merge-duplicates', missing: 'default', return: 'representation', invalid: [] });
  t.match(upsert.media, { kind: 'object', nullsStripped: false });
  const csv = await sent((client) => client.from('t').select().csv());
  t.match(csv.media, { kind: 'csv' });
  const plan = await sent((client) => client.from('t').select().explain({ analyze: true, format: 'json' }));
  t.match(plan.media, { kind: 'plan', format: 'json', for: { kind: 'json' }, options: ['analyze'] });
  const call = (options: ParseOptions) =>
    sent(
      (client) =>
        client
          .rpc('f', { a: 'x', ids: [1, 2] }, { get: true })
          .eq('id', 3)
          .limit(2),
      options,
    );
  const { query } = await call({ target: 'function', argumentNames: new Set(['a', 'ids']) });
  t.match(query, {
    args: [
      ['a', 'x'],
      ['ids', '{1,2}'],
    ],
    where: [{ op: 'eq', field: { name: 'id' } }],
    limit: 2,
  });
});
