/**
 * Who may join a channel (SELECT) and send to it (INSERT): the policies of tidemark.channels, evaluated under the socket's
 * role and claims over the row that the channel would be. Nothing is written, and no row needs to be there.
 */
import { type Database, type Identity, identifier } from '@tidemark/db';
import { inSchema } from '../session-settings.ts';
import { policySql } from '../topics/table-facts.ts';

export interface ChannelRights {
  join: boolean;
  send: boolean;
}

interface FactsRow {
  may_select: boolean;
  may_insert: boolean;
  security: boolean;
  policies: { command: string; permissive: boolean; using: string | null; check: string | null }[] | null;
}

const FACTS = `
select has_table_privilege('tidemark.channels', 'select') as may_select, has_table_privilege('tidemark.channels', 'insert') as may_insert,
  row_security_active('tidemark.channels') as security,
  (select json_agg(json_build_object('command', p.polcmd, 'permissive', p.polpermissive,
      'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
   from pg_policy p where p.polrelid = 'tidemark.channels'::regclass and p.polcmd in ('r', 'a', '*')
     and (0 = any (p.polroles) or exists (
       select from unnest(p.polroles) as r (oid) where pg_has_role(current_user, r.oid, 'usage')))) as policies`;
/** Policies print with the schemas of what they name then, so their text means the same in every session. */
const NO_SEARCH_PATH = `select set_config('search_path', '', true)`;
/** Roles in use; a changed policy counts after at most MAX_AGE_MS. */
const MAX_ROLES = 200;
const MAX_AGE_MS = 2_000;

export interface RightsOfChannels {
  /** In the order of the names. @throws DB_ errors, and Postgres's where a policy fails */
  of(identity: Identity, names: readonly string[], tidemark?: string): Promise<ChannelRights[]>;
}

export function createChannelRights(database: Database): RightsOfChannels {
  const byRole = new Map<string, { at: number; statement: Promise<string> }>();

  function statement(role: string): Promise<string> {
    const known = byRole.get(role);
    if (known && Date.now() - known.at < MAX_AGE_MS) return known.statement;
    const loading = load(database, role);
    byRole.delete(role);
    if (byRole.size >= MAX_ROLES) byRole.delete(byRole.keys().next().value as string);
    byRole.set(role, { at: Date.now(), statement: loading });
    loading.catch(() => byRole.delete(role));
    return loading;
  }

  return {
    async of(identity, names, tidemark) {
      const images = names.map((name) => {
        const colon = name.indexOf(':');
        return { name, kind: name.slice(0, colon), key: name.slice(colon + 1) };
      });
      const { rows } = await database.read<ChannelRights>({
        identity: inSchema(identity, 'public'),
        statement: { text: await statement(identity.role), params: [JSON.stringify(images)] },
        holder: { route: 'channels' },
        ...(tidemark === undefined ? {} : { tidemark }),
      });
      return rows;
    },
  };
}

async function load(database: Database, role: string): Promise<string> {
  const [row] = await database.pools.write.transaction(
    async (tx) => (await Promise.all([tx.query(NO_SEARCH_PATH), tx.query<FactsRow>(FACTS)]))[1],
    { identity: { role, claims: '{}' }, readOnly: true },
  );
  const { may_select, may_insert, security, policies } = row as FactsRow;
  const of = (command: string) =>
    (policies ?? []).filter((policy) => policy.command === command || policy.command === '*');
  const join = security ? policySql(of('r')) : 'true';
  const send = security
    ? policySql(of('a').map((policy) => ({ ...policy, using: policy.check ?? policy.using })))
    : 'true';
  // The alias is the table's name: a policy with a subquery refers to its columns by it.
  return `select coalesce(${may_select ? join : 'false'}, false) as join, coalesce(${may_insert ? send : 'false'}, false) as send
from jsonb_array_elements($1::jsonb) with ordinality as "tidemark images" ("tidemark image", "tidemark ord")
cross join lateral jsonb_populate_record(null::tidemark.channels, "tidemark image") as ${identifier('channels')}
order by "tidemark ord"`;
}
