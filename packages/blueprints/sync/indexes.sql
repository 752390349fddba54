-- Each index has above it the query that it is for. A test runs these queries and looks for the index in their plans.

-- select * from sync.devices where owner = 'user7' order by last_seen_at desc limit 5
create index devices_seen on sync.devices (owner, last_seen_at desc);

-- select * from sync.albums where owner = 'user7' order by created_at desc limit 20
create index albums_newest on sync.albums (owner, created_at desc);

-- select * from sync.pictures where owner = 'user7' and album_id = 7 order by taken_at, id limit 100
create index pictures_album on sync.pictures (owner, album_id, taken_at, id);

-- select * from sync.pictures where owner = 'user7' and favourite order by taken_at desc limit 50
create index pictures_favourite on sync.pictures (owner, taken_at desc) where favourite;

-- select * from sync.pictures where tags @> '{blurred}' and owner = 'user7'
create index pictures_tags on sync.pictures using gin (tags);

-- select * from sync.pictures where file_id = '00000000-0000-4000-8000-000000000001'
create index pictures_file on sync.pictures (file_id) where file_id is not null;

-- select * from sync.batches where owner = 'user7' order by id desc limit 20
create index batches_newest on sync.batches (owner, id desc);

-- select * from sync.batches where job_id = '00000000-0000-4000-8000-000000000001'
create index batches_job on sync.batches (job_id) where job_id is not null;
