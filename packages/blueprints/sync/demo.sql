-- Four users with three devices each, their settings, albums and 4,800 pictures without bytes. The same rows at every load.
-- The first user is the one of the token that `npm start` prints.

-- A number from 0 to below `below` that depends on its arguments alone.
create function pg_temp.draw(n integer, what text, below integer) returns integer language sql immutable
  return ('x' || substr(md5(what || n), 1, 7))::bit(28)::integer % below;

create temp table people on commit drop as
  select n, who from unnest(array['demo-user', 'ada', 'ben', 'cleo']) with ordinality as t (who, n);

insert into sync.devices (id, owner, name, platform, last_seen_at)
select (n - 1) * 3 + turn, who, (array['Pocket', 'Desk', 'Sofa'])[turn], (array['phone', 'laptop', 'tablet'])[turn], now() - turn * interval '7 minutes'
  from people, generate_series(1, 3) turn;

insert into sync.preferences (owner, key, value, device_id)
select who, key, value, (n - 1) * 3 + 1
  from people, (values ('theme', '"dark"'::jsonb), ('language', '"en"'), ('grid.columns', '4'), ('upload.wifi_only', 'true'),
                       ('export', '{"format": "webp", "quality": 82}')) as settings (key, value);

insert into sync.albums (id, owner, name, created_at)
select (n - 1) * 6 + turn, who, (array['Coast walk', 'Garden', 'Workshop', 'Birthday', 'Night train', 'Recipes'])[turn], now() - turn * interval '20 days'
  from people, generate_series(1, 6) turn;

insert into sync.pictures (owner, album_id, name, taken_at, favourite, tags)
select owner, a.id, 'IMG_' || lpad((a.id * 200 + n)::text, 5, '0') || '.jpg', a.created_at + n * interval '11 minutes', pg_temp.draw(a.id * 200 + n, 'favourite', 12) = 0,
       case when n % 9 = 0 then array['people'] when n % 5 = 0 then array['sky', 'sea'] when n % 31 = 0 then array['blurred'] else '{}' end
  from sync.albums a, generate_series(1, 200) n;

insert into sync.batches (owner, album_id, title, device_id, created_at)
select d.owner, a.id, 'Smaller copies of ' || a.name, d.id, a.created_at + interval '3 hours'
  from sync.albums a join sync.devices d on d.owner = a.owner and d.platform = 'laptop';

select setval(pg_get_serial_sequence('sync.devices', 'id'), 12), setval(pg_get_serial_sequence('sync.albums', 'id'), 24);
