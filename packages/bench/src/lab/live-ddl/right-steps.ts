import type { Random } from './random.ts';
import {
  fixedColumns,
  grant,
  MEMBER,
  permanentRows,
  publish,
  ROLES,
  SEALS,
  type Table,
  USERS,
  unpublish,
} from './schema.ts';
import { type DrawStep, one } from './step.ts';

/** The condition depends on the row's seal only. */
function condition(random: Random, { name, derived, generated }: Table): string {
  const some = Array.from({ length: 1 + random.int(4) }, () => random.int(8)).join();
  const able = [
    'true',
    `seal in (${some})`,
    `seal <> ${random.int(8)}`,
    'public.shows(seal)',
    'public.deeper(seal)',
    `seal::text = any (string_to_array(public.claim('seals'), ','))`,
    MEMBER(name),
    `(current_user <> 'checker_one' or seal < 4)`,
    ...(generated.has('internal') ? ['internal is not true', 'internal is not true', 'internal'] : []),
    ...('doc' in derived
      ? ['doc is null', `doc = 'null'`, `doc ? 'a'`, 'array_lower(arr, 1) = 1', `label > 'seal 3'`]
      : []),
  ];
  const chosen = random.of(able);
  // A label may have been renamed.
  return chosen.startsWith('label') ? `label > (enum_range(null::public.label))[4]` : chosen;
}

const toRoles = (random: Random) =>
  random.of(['', '', ' to checker_one', ' to checker_group', ' to anon, checker_two']);

const createPolicy: DrawStep = (random, _, table) => {
  const policy = ['second', 'third', 'first'].find((name) => !table.policies.has(name));
  if (policy === undefined) return undefined;
  const kind = random.chance(0.3) ? 'as restrictive ' : '';
  const text = `${kind}for select${toRoles(random)} using (${condition(random, table)})`;
  table.policies.set(policy, text);
  return one(`create policy ${policy} on ${table.name} ${text}`);
};

const alterPolicy: DrawStep = (random, _, table) => {
  if (table.policies.size === 0) return undefined;
  const [policy, text] = random.of([...table.policies]);
  const using = `using (${condition(random, table)})`;
  table.policies.set(
    policy,
    text.replace(/using .*$/s, () => using),
  );
  return one(`alter policy ${policy} on ${table.name} ${using}`);
};

const dropPolicy: DrawStep = (random, _, table) => {
  if (table.policies.size === 0) return undefined;
  const policy = random.of([...table.policies.keys()]);
  table.policies.delete(policy);
  return one(`drop policy ${policy} on ${table.name}`);
};

const toggleSecurity: DrawStep = (random, _, table) => {
  if (random.chance(0.3)) {
    table.forced = !table.forced;
    return one(`alter table ${table.name} ${table.forced ? '' : 'no '}force row level security`);
  }
  table.secured = !table.secured;
  return one(`alter table ${table.name} ${table.secured ? 'enable' : 'disable'} row level security`);
};

const changeGrant: DrawStep = (random, _, table) => {
  const role = random.of(ROLES);
  const what = table.grants.get(role) === 'all' ? random.of(['fixed', 'none'] as const) : 'all';
  table.grants.set(role, what);
  return one(
    `revoke select on ${table.name} from ${role}`,
    `revoke select (${fixedColumns(table).join()}) on ${table.name} from ${role}`,
    ...[grant(table, role, what)].filter(Boolean),
  );
};

const publication: DrawStep = (random, _, table) => {
  const { name } = table;
  const drop = unpublish(table);
  const change = `delete from ${name} where id % 5 = ${random.int(5)} and id < 900`;
  if (!table.published) {
    table.published = true;
    return one(publish(table));
  }
  if (random.chance(0.5)) return one(drop, change, publish(table));
  if (random.chance(0.6)) return { transactions: [drop, change, publish(table)] };
  table.published = false;
  return one(drop);
};

/** Row-level security does not apply to the table's owner, unless it is forced. */
const changeOwner: DrawStep = (random, { withoutUsage }, table) => {
  // An owner needs usage of the schema for the foreign keys of its tables.
  const able = ROLES.slice(1).filter((role) => !withoutUsage.has(role));
  if (able.length === 0) return undefined;
  table.owner = table.owner ? undefined : random.of(able);
  return one(`alter table ${table.name} owner to ${table.owner ?? 'current_user'}`);
};

/** The foreign key deletes the rows that the row shows. */
const dropGroup: DrawStep = (random, schema, table) => {
  if (!table.grouped) return undefined;
  const seal = random.int(8);
  const drop = `delete from groups where seal = ${seal}`;
  const back = `insert into groups values (${seal}); ${permanentRows(table, schema, [seal])}`;
  return random.chance(0.5) ? one(drop, back) : { transactions: [drop, back] };
};

const truncateGroups: DrawStep = (_, schema, table) => {
  if (!table.grouped) return undefined;
  const back = `insert into groups values ${SEALS.map((seal) => `(${seal})`).join()}`;
  return one('truncate groups cascade', back, permanentRows(table, schema));
};

const listColumns: DrawStep = (_, __, table) => {
  if (table.identity === 'full' || !table.published) return undefined;
  table.listed = table.listed ? undefined : fixedColumns(table);
  return one(unpublish(table), publish(table));
};

const publishPart: DrawStep = (random, _, { name, appended }) => {
  if (appended) return undefined;
  const set = (what: string) => `alter publication tidemark set (publish = '${what}')`;
  const part = set(random.of(['insert, update', 'insert', 'insert, update, delete']));
  const change = `delete from ${name} where id % 3 = ${random.int(3)} and id < 900`;
  return { transactions: [part, change, set('insert, update, delete, truncate')] };
};

const changeMembership: DrawStep = (random, { groups }) => {
  const role = random.of(ROLES.slice(1));
  const isIn = groups.delete(role);
  if (!isIn) groups.add(role);
  const inherit = random.chance(0.7);
  return {
    ...one(isIn ? `revoke checker_group from ${role}` : `grant checker_group to ${role} with inherit ${inherit}`),
    late: true,
  };
};

const changeSchemaUsage: DrawStep = (random, { withoutUsage, tables }) => {
  const role = random.of(ROLES);
  if (withoutUsage.delete(role)) return { ...one(`grant usage on schema public to ${role}`), late: true };
  if (tables.some(({ owner }) => owner === role)) return undefined;
  withoutUsage.add(role);
  return { ...one(`revoke usage on schema public from ${role}`), late: true };
};

const changeBypass: DrawStep = (random) => {
  const role = random.of(ROLES.slice(1));
  const step = random.of([
    `alter role ${role} bypassrls`,
    ...ROLES.slice(1).map((name) => `alter role ${name} nobypassrls`),
  ]);
  return { ...one(step), late: true };
};

const changeMembers: DrawStep = (random) => {
  const name = random.of(Object.keys(USERS));
  const seal = random.int(8);
  const add = `insert into members values ('${name}', ${seal}) on conflict do nothing`;
  const remove = `delete from members where name = '${name}' and seal % 3 = ${seal % 3}`;
  return { ...one(...(random.chance(0.5) ? [add] : random.chance(0.5) ? [remove] : [remove, add])), late: true };
};

export const rightSteps = {
  createPolicy,
  alterPolicy,
  dropPolicy,
  toggleSecurity,
  changeGrant,
  publication,
  listColumns,
  publishPart,
  changeMembership,
  changeSchemaUsage,
  changeBypass,
  changeMembers,
  changeOwner,
  dropGroup,
  truncateGroups,
};
