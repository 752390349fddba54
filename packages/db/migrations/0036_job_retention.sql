-- Dead letters: items that failed after all their attempts, or ended their processes. retry_job runs them again.
alter table tidemark.job_items add column dead_letter boolean not null default false;
create index job_items_dead_letters on tidemark.job_items (job_id, index) where dead_letter and state = 'failed';
create view tidemark.dead_letters with (security_invoker = true) as
  select i.job_id, j.kind, i.index, i.attempts, i.input, i.code, i.error, i.ended_at
  from tidemark.job_items i join tidemark.jobs j on j.id = i.job_id
  where i.dead_letter and i.state = 'failed';
comment on view tidemark.dead_letters is 'items of jobs that used all their attempts; tidemark.retry_job(job_id) runs them again';
grant select on tidemark.dead_letters to authenticated, service_role;

-- Batch deletes what ended BATCH_RETAIN_DAYS ago: outputs, items, chunks and jobs, some rows at a time.
grant delete on tidemark.files, tidemark.jobs, tidemark.job_items, tidemark.job_chunks to tidemark_batch;
create policy files_batch_retention on tidemark.files for delete to tidemark_batch using (job_id is not null);
create policy jobs_batch_retention on tidemark.jobs for delete to tidemark_batch using (finished_at is not null);
