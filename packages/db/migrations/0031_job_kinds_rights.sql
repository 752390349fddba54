-- The metrics service reads no kinds of jobs.
revoke select on tidemark.job_kinds from tidemark_metrics;
