-- Snapshots of running jobs that read tables, as pg_export_snapshot() names them. Each is held by two instances of batch, if
-- there are two: when one dies, the job goes on with the same rows.
create table tidemark.job_snapshots (
  job_id uuid not null references tidemark.jobs on delete cascade,
  -- The process whose transaction exports the snapshot.
  worker text not null,
  snapshot text not null,
  -- How often the snapshot was lost, so that the job started over with a new one.
  restarts integer not null default 0,
  -- The process renews this every second.
  seen_at timestamptz not null default clock_timestamp(),
  primary key (job_id, worker)
);
comment on table tidemark.job_snapshots is 'exported snapshots that running jobs read';
grant select, insert, update, delete on tidemark.job_snapshots to tidemark_batch;
