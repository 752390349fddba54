-- A job runs under its request's claims, and within its identity's limits: batch reads both as itself.
grant select on tidemark.job_requests, tidemark.job_limits to tidemark_batch;
-- The gateway cancels a job by tidemark.cancel_job, as the caller: as itself it has nothing to do with jobs any more.
drop policy jobs_gateway on tidemark.jobs;
drop policy jobs_gateway_cancel on tidemark.jobs;
revoke select, update on tidemark.jobs from tidemark_gateway;
