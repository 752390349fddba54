-- What a job finds again when one of its items runs once more: that its rows are written, and the values it chose from.
create table tidemark.job_notes (
  job_id uuid not null references tidemark.jobs on delete cascade,
  name text not null,
  -- Null while the first transaction with the note is open.
  value jsonb,
  primary key (job_id, name)
);
comment on table tidemark.job_notes is 'what the items of a job have written, so that a repeat does not write it again';
grant select, insert, update on tidemark.job_notes to tidemark_batch;
