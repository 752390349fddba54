-- Figures and events that the metrics service keeps over restarts. One statement a minute writes them; none is published, because
-- nobody follows them live and each would be a change for every subscriber's relay.
create table tidemark.metric_samples (
  step_s int not null check (step_s in (60, 900)),
  -- The beginning of the step, a multiple of its length.
  at timestamptz not null,
  -- <service>/<instance>; empty for what is of no instance, such as Postgres.
  source text not null check (length(source) <= 129),
  -- By figure, with @<pool or replica> where there are several: a mean, or [mean, least, greatest] where they differ.
  figures jsonb not null,
  primary key (step_s, at, source)
);
comment on table tidemark.metric_samples is 'figures of the metrics service: each minute for 48 hours, each quarter of an hour for 30 days';

create table tidemark.timeline_events (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  type text not null,
  subject text not null,
  message text not null,
  lsn text
);
comment on table tidemark.timeline_events is 'what happened to the instances and the database, as the metrics service saw it; the newest 10,000';

revoke all on tidemark.metric_samples, tidemark.timeline_events from public;
grant select, insert, delete on tidemark.metric_samples, tidemark.timeline_events to tidemark_metrics;
