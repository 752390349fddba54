export const FUNCTIONS_SQL = `
create function test.one_out(out num int) language sql stable as 'select 5';
create function test.one_inout(inout num int) language sql stable as 'select num + 1';
create function test.one_column() returns table (a text) language sql stable as $$ values ('A'), ('B') $$;
create function test.two_out(out x int, out y text) language sql stable as $$ select 1, 'one' $$;
create function test.set_of_out(out a int) returns setof int language sql stable as 'select generate_series(1, 3)';
create function test.get_items(low int default 0, high int default 99) returns setof test.items language sql stable as
  'select * from test.items where id > low and id <= high order by id';
create function test.by_id(id int default 0) returns setof test.items language sql stable as 'select * from test.items i where i.id >= $1 order by id';
create function test.add_items(names text[]) returns setof test.items language sql volatile as
  'insert into test.items (name) select unnest(names) returning *';
create function test.one_item(id int) returns test.items language sql stable as 'select * from test.items i where i.id = $1';
create domain test.item_domain as test.items;
create function test.as_domain() returns test.item_domain language sql stable as $$ select row(2, 'two', null)::test.items::test.item_domain $$;
create function test.label(test.items) returns text language sql stable as $$ select $1.id || '-' || $1.name $$;
create function test.padded(code char(5)) returns text language sql stable as $$ select '[' || code || ']' $$;
create function test.bits(mask bit(4)) returns text language sql stable as 'select mask::text';
create function test.either(json) returns int language sql stable as 'select 1';
create function test.either(jsonb) returns int language sql stable as 'select 2';
create function test.whole(json) returns json language sql stable as 'select $1';
create function test.whole_bytes(bytea) returns bytea language sql stable as 'select $1';
create function test.whole_text(text) returns text language sql stable as 'select $1';
create function test.add(a int, b int default 10) returns int language sql stable as 'select a + b';
create function test.numbers() returns setof int language sql stable as 'select generate_series(1, 5)';
create function test.nothing() returns void language sql volatile as '';
create function test.parted() returns table (id int, part test.part) language sql stable as $$ values (1, row('bolt', 8)::test.part) $$;
create function test.greet(name text) returns text language sql stable as $$ select 'hello ' || name $$;
create function test.same_name(a int, b int) returns int language sql stable as 'select 1';
create function test.same_name(a int, c text) returns int language sql stable as 'select 2';
create function test.setting(name text) returns text language sql stable as 'select current_setting(name, true)';
create function test.zone() returns timestamptz language sql stable as $$ select '2023-10-18 12:37:59+00'::timestamptz $$;
create function test.me() returns text language sql stable as 'select current_user::text';
create function test.path() returns text language sql stable as $$ select current_setting('request.path', true) $$;
create function test.change_audit() returns void language sql volatile as 'insert into test.audit values (2, 1)';
create function test.bad_headers() returns text language sql stable as $$ select set_config('response.headers', '{"X-A": "1"}', true) $$;
create function test.bad_status() returns text language sql stable as $$ select set_config('response.status', 'many', true) $$;
create function test.good_headers() returns text language sql volatile as
  $$ select set_config('response.headers', '[{"X-A": "1"}, {"Set-Cookie": "a=b"}]', true) || set_config('response.status', '202', true) $$;
create function test.raise_full() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"ABC","details":"DEF","hint":"XYZ"}',
    detail = '{"status":332,"status_text":"My Status","headers":{"X-Header":"str"}}';
end $$;
create function test.raise_plain() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"ABC"}', detail = '{"status":404,"headers":{}}';
end $$;
create function test.raise_bad_message() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PGRST' using message = 'INVALID', detail = '{"status":332,"headers":{"X-Header":"str"}}';
end $$;
create function test.raise_bad_details() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"ABC"}', detail = 'INVALID';
end $$;
create function test.raise_no_details() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PGRST' using message = '{"code":"123","message":"ABC"}';
end $$;
create function test.raise_402() returns void language plpgsql stable as $$ begin
  raise sqlstate 'PT402' using message = 'Payment Required', detail = 'Quota exceeded', hint = 'Upgrade your plan';
end $$;
create function test.before_each() returns void language plpgsql as $$ declare
  id int := (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'id')::int;
begin
  if id = 1 then perform set_config('role', 'authenticated', true);
  elsif id = 3 then raise exception 'Disabled ID --> 3' using hint = 'Please contact administrator';
  end if;
  perform set_config('response.headers', '[{"X-Before": "yes"}]', true);
end $$;`;
