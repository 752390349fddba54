export const MEDIA_SQL = `
create domain test."text/html" as text;
create domain test."text/xml" as pg_catalog.xml;
create domain test."text/plain" as text;
create domain test."image/png" as bytea;
create domain test."application/octet-stream" as bytea;
create domain test."application/vnd.shape" as bytea;
create domain test."text/tab-separated-values" as text;
create domain test."pg/row" as text;
create domain test."application/vnd.any+json" as jsonb;
create domain test."application/json" as json;
create domain test."*/*" as bytea;
create table test.shapes (id int primary key, name text);
insert into test.shapes values (1, 'dot'), (2, 'line');
create table test.overridden (id int primary key);
insert into test.overridden values (1);

create function test.page() returns test."text/html" stable language sql as $$ select '<h1>hello</h1>'::test."text/html" $$;
create function test."page.html"() returns test."text/html" stable language sql as $$ select '<p>dotted</p>'::test."text/html" $$;
create function test.document() returns test."text/xml" stable language sql as $$ select '<a/>'::test."text/xml" $$;
create function test.plain_text() returns test."text/plain" stable language sql as $$ select 'plain'::test."text/plain" $$;
create function test.own_text() returns text stable language sql as $$ select 'own' $$;
create function test.image() returns test."image/png" stable language sql as $$ select '\\x89504e47'::bytea::test."image/png" $$;
create function test.no_image() returns test."image/png" stable language sql as $$ select null::test."image/png" $$;
create function test.bytes() returns test."application/octet-stream" stable language sql as $$ select '\\xff00'::bytea::test."application/octet-stream" $$;
create function test.anything() returns test."*/*" stable language sql as $$ select convert_to('any', 'UTF8')::test."*/*" $$;
create function test.some_types() returns test."*/*" stable language plpgsql as $$ declare
  asked text := coalesce(nullif(current_setting('request.headers', true), '')::json ->> 'accept', '*/*');
begin
  if asked = '*/*' then
    perform set_config('response.headers', '[{"Content-Type": "app/groucho"}]', true);
    return convert_to('groucho', 'UTF8')::test."*/*";
  elsif asked = 'app/harpo' then
    perform set_config('response.headers', '[{"Content-Type": "app/harpo"}]', true);
    return convert_to('harpo', 'UTF8')::test."*/*";
  end if;
  raise sqlstate 'PT406' using message = 'Not Acceptable';
end $$;
create function test.twice() returns setof test."text/plain" stable language sql as $$ values ('a'::test."text/plain"), ('b') $$;
create function test.get_shapes() returns setof test.shapes stable language sql as 'select * from test.shapes order by id';

create function test.shape_step(bytea, test.shapes) returns bytea immutable language sql as $$ select $1 || convert_to($2.name, 'UTF8') || '\\xff'::bytea $$;
create function test.shape_end(bytea) returns test."application/vnd.shape" immutable language sql as $$ select $1::test."application/vnd.shape" $$;
create aggregate test.shape(test.shapes) (sfunc = test.shape_step, stype = bytea, initcond = '', finalfunc = test.shape_end);
create function test.tab_step(text, anyelement) returns text immutable language sql as
  $$ select $1 || (select string_agg(value, e'\\t') from json_each_text(row_to_json($2))) || e'\\n' $$;
create function test.tab_end(text) returns test."text/tab-separated-values" immutable language sql as $$ select $1::test."text/tab-separated-values" $$;
create aggregate test.tabs(anyelement) (sfunc = test.tab_step, stype = text, initcond = '', finalfunc = test.tab_end);
create function test.row_step(text, anyelement) returns text immutable language sql as $$ select $1 || $2::text || e'\\n' $$;
create function test.row_end(text) returns test."pg/row" immutable language sql as $$ select $1::test."pg/row" $$;
create aggregate test.rows(anyelement) (sfunc = test.row_step, stype = text, initcond = '', finalfunc = test.row_end);
create function test.json_step(json, test.overridden) returns json immutable language sql as $$ select '{"overridden": "true"}'::json $$;
create function test.json_end(json) returns test."application/json" immutable language sql as $$ select $1::test."application/json" $$;
create aggregate test.as_json(test.overridden) (sfunc = test.json_step, stype = json, initcond = '{}', finalfunc = test.json_end);

create domain test.color as int check (value between 0 and 16777215);
create function test.color_to_json(test.color) returns json immutable language sql as
  $$ select case when $1 is null then to_json(''::text) else to_json('#' || lpad(upper(to_hex($1)), 6, '0')) end $$;
create function test.color_from_text(text) returns test.color immutable language sql as
  $$ select ('x' || lpad(ltrim($1, '#'), 8, '0'))::bit(32)::int::test.color $$;
create function test.color_from_json(json) returns test.color immutable language sql as $$ select test.color_from_text($1 #>> '{}') $$;
create cast (test.color as json) with function test.color_to_json(test.color) as implicit;
create cast (json as test.color) with function test.color_from_json(json) as implicit;
create cast (text as test.color) with function test.color_from_text(text) as implicit;
create domain test.iso_time as timestamptz;
create function test.iso_time_to_json(test.iso_time) returns json immutable language sql as
  $$ select to_json(to_char($1 at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) $$;
create cast (test.iso_time as json) with function test.iso_time_to_json(test.iso_time) as implicit;
create table test.todos (id int primary key, name text, shade test.color default 0, due test.iso_time);
insert into test.todos values (1, 'report', 0, '2018-01-02 00:00+00'), (2, 'essay', 256, '2018-01-03 00:00+00'), (3, 'algebra', 123456, null);
create table test.follow_ups (id int primary key, first int references test.todos, second int references test.todos);
insert into test.follow_ups values (1, 2, 3);
create view test.todos_view as select id, name, shade, due from test.todos;`;
