-- Alerts of the metrics service. A row is one problem from its beginning to its end, so that operators can follow alerts live, and
-- so that a restart of the service neither forgets a notification nor repeats one.
create table tidemark.alerts (
  id uuid primary key,
  -- Identifies the problem: of the alerts with one key, at most one lasts.
  key text not null,
  rule text not null,
  severity text not null check (severity in ('info', 'warning', 'critical')),
  subject text not null,
  message text not null,
  hint text not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  -- By receiver: what it was told last, and when.
  sent jsonb not null default '{}',
  -- It has ended, and every receiver knows.
  settled boolean not null default false,
  updated_at timestamptz not null default clock_timestamp()
);
comment on table tidemark.alerts is 'problems that the metrics service found, from their beginning to their end';
create index alerts_unsettled on tidemark.alerts (started_at) where not settled;
create index alerts_ended on tidemark.alerts (ended_at) where settled;

create table tidemark.alert_silences (
  id uuid primary key default gen_random_uuid(),
  -- A rule, or the key of an alert; * for all.
  rule text,
  key text,
  reason text not null check (length(reason) between 1 and 500),
  created_by text,
  created_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz not null,
  check (rule is not null or key is not null),
  check (ends_at <= created_at + interval '24 hours')
);
comment on table tidemark.alert_silences is 'alerts that nobody is notified of, for at most 24 hours';
create index alert_silences_end on tidemark.alert_silences (ends_at);

alter table tidemark.alerts enable row level security;
alter table tidemark.alert_silences enable row level security;
grant select on tidemark.alerts, tidemark.alert_silences to ops, service_role;
create policy alerts_operators on tidemark.alerts for select to ops, service_role using (true);
create policy alert_silences_operators on tidemark.alert_silences for select to ops, service_role using (true);
grant select, insert, update, delete on tidemark.alerts, tidemark.alert_silences to tidemark_metrics;
create policy alerts_metrics on tidemark.alerts to tidemark_metrics using (true) with check (true);
create policy alert_silences_metrics on tidemark.alert_silences to tidemark_metrics using (true) with check (true);
alter publication tidemark add table tidemark.alerts;
