/** Media types and representations that the database defines, as in PostgREST. */
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const SCRIPT = `
create domain public."text/html" as text;
create domain public."image/png" as bytea;
create domain public."text/tab-separated-values" as text;
create domain public."application/vnd.shape" as bytea;
create domain public."*/*" as bytea;
create table public.shapes (id int primary key, name text);
insert into public.shapes values (1, 'dot'), (2, 'line');
create table public.others (id int primary key, name text);
insert into public.others values (7, 'seven');
create function public.page() returns "text/html" stable language sql as $$ select '<p>hello</p>'::"text/html" $$;
create function public.image() returns "image/png" stable language sql as $$ select '\\x89504e470d0a1aff'::"image/png" $$;
create function public.anything() returns "*/*" stable language plpgsql as $$ declare
  asked text := current_setting('request.headers')::json ->> 'accept';
begin
  if asked = 'app/harpo' then
    perform set_config('response.headers', '[{"Content-Type": "app/harpo"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]', true);
  end if;
  return convert_to('any', 'UTF8')::"*/*";
end $$;
create function public.tab_step(text, anyelement) returns text immutable language sql as
  $$ select $1 || (select string_agg(value, e'\\t') from json_each_text(row_to_json($2))) || e'\\n' $$;
create function public.tab_end(text) returns "text/tab-separated-values" immutable language sql as $$ select $1::"text/tab-separated-values" $$;
create aggregate public.tabs(anyelement) (sfunc = tab_step, stype = text, initcond = '', finalfunc = tab_end);
create function public.shape_step(bytea, shapes) returns bytea immutable language sql as $$ select $1 || convert_to($2.name, 'UTF8') || '\\xff' $$;
create function public.shape_end(bytea) returns "application/vnd.shape" immutable language sql as $$ select $1::"application/vnd.shape" $$;
create aggregate public.shape(shapes) (sfunc = shape_step, stype = bytea, initcond = '', finalfunc = shape_end);

create domain public.color as int check (value between 0 and 16777215);
create function public.color_json(color) returns json immutable language sql as $$ select to_json('#' || lpad(upper(to_hex($1)), 6, '0')) $$;
create function public.color_parse(text) returns color immutable language sql as
  $$ select ('x' || lpad(ltrim($1, '#'), 8, '0'))::bit(32)::int::color $$;
create function public.color_read(json) returns color immutable language sql as $$ select public.color_parse($1 #>> '{}') $$;
create function public.color_text(color) returns text immutable language sql as $$ select 'rgb ' || to_hex($1) $$;
create cast (color as json) with function color_json(color) as implicit;
create cast (json as color) with function color_read(json) as implicit;
create cast (color as text) with function color_text(color) as implicit;
create cast (text as color) with function color_parse(text) as implicit;
create table public.paints (id int primary key, shade color, note text default 'plain');
insert into public.paints values (1, 255, 'blue'), (2, 16711680, 'red');
create table public.tubes (shade color primary key, litres int);
grant all on public.shapes, public.others, public.paints, public.tubes to anon;
grant execute on all functions in schema public to anon;`;

t.test('own media', async (t) => {
  const gateway = await useGateway(t, { script: SCRIPT });
  const get = async (path: string, accept?: string, init: RequestInit = {}) => {
    const response = await gateway.request(`/rest/v1/${path}`, { ...init, headers: accept ? { accept } : {} });
    const bytes = Buffer.from(await response.arrayBuffer());
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      bytes,
      text: bytes.toString(),
      response,
    };
  };

  t.test('a function that returns a media type sends its value as the body', async (t) => {
    t.match(await get('rpc/page', 'text/html'), { status: 200, type: 'text/html', text: '<p>hello</p>' });
    for (const accept of ['image/png', 'text/html, image/png;q=0.9, */*;q=0.8', '*/*']) {
      const image = await get('rpc/image', accept);
      t.same([image.status, image.type, image.bytes.toString('hex')], [200, 'image/png', '89504e470d0a1aff'], accept);
    }
    t.equal((await get('rpc/page', 'text/xml')).status, 406);
    t.match(await get('rpc/page', 'application/json'), { status: 200, text: '"<p>hello</p>"' }, 'JSON is served, too');
  });

  t.test('*/* serves every media type, and the function may name it', async (t) => {
    t.match(await get('rpc/anything', 'app/bingo'), { status: 200, type: 'application/octet-stream', text: 'any' });
    const named = await get('rpc/anything', 'app/harpo');
    t.match(named, { status: 200, type: 'app/harpo', text: 'any' });
    t.same(named.response.headers.getSetCookie(), ['a=1', 'b=2'], 'a repeated header is several');
  });

  t.test('aggregates over any rows, and over those of one table', async (t) => {
    t.match(await get('shapes?order=id', 'text/tab-separated-values'), {
      type: 'text/tab-separated-values',
      text: '1\tdot\n2\tline\n',
    });
    t.match(await get('others?select=name', 'text/tab-separated-values'), { text: 'seven\n' });
    for (const _ of [1, 2, 3]) {
      const shape = await get('shapes?order=id', 'application/vnd.shape');
      t.same(
        [shape.status, shape.type, shape.bytes.toString('latin1')],
        [200, 'application/vnd.shape', 'dot\xffline\xff'],
      );
      t.match(await get('shapes?order=id'), { text: '[{"id":1,"name":"dot"}, \n {"id":2,"name":"line"}]' });
    }
    t.equal((await get('shapes?select=id', 'application/vnd.shape')).status, 406, 'not over a part of its columns');
    t.equal((await get('others', 'application/vnd.shape')).status, 406, 'nor over another table');
    t.match(await get('shapes?select=id&limit=1', 'text/plain, application/json'), { status: 200, text: '[{"id":1}]' });
  });

  t.test('casts of domains represent the values', async (t) => {
    const rows = async (path: string) => JSON.parse((await get(path)).text) as unknown;
    t.same(await rows('paints?order=id&select=id,shade'), [
      { id: 1, shade: '#0000FF' },
      { id: 2, shade: '#FF0000' },
    ]);
    t.same(await rows('paints?order=id'), [
      { id: 1, shade: '#0000FF', note: 'blue' },
      { id: 2, shade: '#FF0000', note: 'red' },
    ]);
    t.same(await rows('paints?shade=eq.%230000ff&select=id'), [{ id: 1 }]);
    t.same(await rows('paints?shade=in.(%23ff0000,%23123456)&select=id'), [{ id: 2 }]);
    t.same(await rows('paints?select=shade::int4&id=eq.1'), [{ shade: 255 }], 'a cast has the value itself');
    const groups = (await rows('paints?select=shade,count()')) as { shade: string; count: number }[];
    t.same(
      groups.map(({ shade, count }) => `${shade} ${count}`).toSorted(),
      ['#0000FF 1', '#FF0000 1'],
      'groups are of the value',
    );
    t.match(
      await get('paints?select=id,shade&id=eq.1', 'text/csv'),
      { text: 'id,shade\n1,rgb ff' },
      'CSV has the text',
    );

    const write = (method: string, path: string, body: unknown, type = 'application/json') =>
      gateway.request(`/rest/v1/${path}`, {
        method,
        headers: { prefer: 'return=representation', 'content-type': type },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    t.same(await (await write('POST', 'paints?select=id,shade', { id: 3, shade: '#00ff00' })).json(), [
      { id: 3, shade: '#00FF00' },
    ]);
    t.same(await (await write('PATCH', 'paints?id=eq.3&select=shade', { shade: '#010203' })).json(), [
      { shade: '#010203' },
    ]);
    t.equal((await write('POST', 'paints', 'id,shade\n4,#0a0b0c\n', 'text/csv')).status, 201);
    const [stored] = await gateway.sql`select array_agg(shade::int order by id) as shades from paints where id > 2`;
    t.same(stored?.shades, [0x010203, 0x0a0b0c]);
  });

  t.test('a key with a data representation is compared in that representation', async (t) => {
    const put = async (key: string, body: unknown) => {
      const init = { method: 'PUT', body: JSON.stringify(body), headers: { prefer: 'return=representation' } };
      const answer = await gateway.request(`/rest/v1/tubes?shade=eq.${encodeURIComponent(key)}`, init);
      return [answer.status, await answer.json()];
    };
    t.same(await put('#0000ff', { shade: '#0000ff', litres: 1 }), [201, [{ shade: '#0000FF', litres: 1 }]]);
    t.same(await put('#0000ff', { shade: '#0000FF', litres: 2 }), [200, [{ shade: '#0000FF', litres: 2 }]]);
    t.match(await put('#0000ff', { shade: '#0000fe', litres: 3 }), [400, { code: 'PGRST115' }]);
  });
});
