/** The gateway checks specs by the registered schemas, and jobs report when no instance runs their kind. */
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import { type Kinds, kindVersions } from './load-kinds.ts';

export interface KindRegistry {
  stop(): void;
}

const SEEN_EVERY_MS = 20_000;

const REGISTER = `
  insert into tidemark.job_kinds (name, version, spec_schema, limits)
  select name, version, spec_schema, limits
  from jsonb_to_recordset($1::jsonb) as k (name text, version int, spec_schema jsonb, limits jsonb)
  order by name
  on conflict (name) do update set
    version = excluded.version, spec_schema = excluded.spec_schema, limits = excluded.limits, registered_at = clock_timestamp()
  where (job_kinds.version, job_kinds.spec_schema, job_kinds.limits) <> (excluded.version, excluded.spec_schema, excluded.limits)
    and job_kinds.version <= excluded.version`;

const REGISTER_VERSIONS = `
  insert into tidemark.job_kind_versions (name, version, oldest)
  select name, version, oldest from jsonb_to_recordset($1::jsonb) as k (name text, version int, oldest int)
  order by name, version
  on conflict (name, version) do update set oldest = excluded.oldest, seen_at = clock_timestamp()`;

/** A job of a version that no instance has run for a day waits all the same. */
const FORGET_VERSIONS = `delete from tidemark.job_kind_versions where seen_at < clock_timestamp() - interval '1 day'`;

/** Updates rows in the order of names, as registering does, so that two instances cannot deadlock. */
const SEEN = `
  update tidemark.job_kinds set seen_at = clock_timestamp() from (
    select name from tidemark.job_kinds where name in (select jsonb_array_elements_text($1::jsonb)) order by name for update
  ) as mine where job_kinds.name = mine.name`;

export async function registerKinds(
  pool: Pool,
  kinds: Kinds,
  /** The key is the name of the kind. */
  targetCalls: Readonly<Record<string, number>>,
  observe: (event: BatchEvent) => void,
): Promise<KindRegistry> {
  const rows = [...kinds.values()].map(({ name, version, spec, limits }) => ({
    name,
    version,
    spec_schema: spec,
    limits: name in targetCalls ? { ...limits, targetCalls: targetCalls[name] } : limits,
  }));
  const names = JSON.stringify([...kinds.keys()]);
  await pool.query(REGISTER, [JSON.stringify(rows)]);
  const versions = JSON.stringify(kindVersions(kinds.values()));
  const seen = async () => {
    await pool.query(SEEN, [names]);
    await pool.query(REGISTER_VERSIONS, [versions]);
  };
  await pool.query(FORGET_VERSIONS);
  await seen();
  return { stop: every('kinds', SEEN_EVERY_MS, seen, observe).stop };
}
