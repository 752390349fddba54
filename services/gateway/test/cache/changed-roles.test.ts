/** Tests that answers have the present rights of a role, though Postgres keeps its row-level security in the plans of a session. */
import { randomUUID } from 'node:crypto';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useCachedGateway } from './relay.ts';

const name = randomUUID().slice(0, 8);
const [role, group] = [`reader_${name}`, `group_${name}`];
const gateway = await useCachedGateway(t, {
  script: `
    create role ${role} nologin; create role ${group} nologin;
    create table notes (id int primary key);
    create table aside (id int primary key);
    alter table notes enable row level security;
    alter table aside enable row level security;
    create policy one on notes using (id = 1);
    create policy two on notes to ${group} using (id = 2);
    create policy one on aside using (id = 1);
    create policy two on aside to ${group} using (id = 2);
    insert into notes values (1), (2), (3);
    insert into aside values (1), (2), (3);
    grant select on notes, aside to ${role};
    alter publication tidemark add table notes;`,
  env: { JWT_ROLES: `anon,${role}` },
});
const { sql } = gateway;
t.teardown(async () => {
  for (const one of [role, group]) await sql.unsafe(`drop owned by ${one}; drop role ${one}`);
});
await gateway.serving();

async function idsOf(path: string): Promise<{ ids: number[]; isHit: boolean }> {
  const answer = await gateway.request(path, { claims: { role } });
  const rows = (await answer.json()) as { id: number }[];
  return { ids: rows.map(({ id }) => id), isHit: answer.headers.get('cache-status') === 'tidemark; hit' };
}

/** Reads of a table that is cached, and of one that is not. */
const PATHS = ['/rest/v1/notes?select=id&order=id', '/rest/v1/aside?select=id&order=id'] as const;

for (const [change, ids] of [
  [`alter role ${role} bypassrls`, [1, 2, 3]],
  [`alter role ${role} nobypassrls`, [1]],
  [`grant ${group} to ${role}`, [1, 2]],
  [`revoke ${group} from ${role}`, [1]],
] as const) {
  t.test(`answers with the present rights after ${change.replaceAll(`_${name}`, '')}`, async (t) => {
    await until(async () => (await idsOf(PATHS[0])).isHit, 'an answer is cached');
    for (let n = 0; n < 30; n += 1) await Promise.all(PATHS.map(idsOf));
    await sql.unsafe(change);
    for (const path of PATHS) {
      await until(async () => String((await idsOf(path)).ids) === String(ids), `${path} shows ${ids}`);
    }
    await until(async () => (await idsOf(PATHS[0])).isHit, 'an answer is cached again');
    for (let n = 0; n < 30; n += 1) {
      for (const path of PATHS) if (String((await idsOf(path)).ids) !== String(ids)) t.fail(`${path} changed back`);
    }
    t.pass();
  });
}
