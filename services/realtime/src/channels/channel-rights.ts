/** Rights by the policies of tidemark.channels: SELECT to join, INSERT to send, over a row that is never stored. */
import { formatTidemark, laterTidemark, type Tidemark } from '@tidemark/contracts';
import { type Database, type Identity, identifier } from '@tidemark/db';
import { isRefusal } from '../is-refusal.ts';
import { CoalescedLoads } from '../limits/coalesced-loads.ts';
import { inSchema } from '../session-settings.ts';
import { policySql } from '../tables/table-facts.ts';

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
/** With an empty search path, policies print with schemas, so that their text means the same in every session. */
const NO_SEARCH_PATH = `select set_config('search_path', '', true)`;
/** Roles whose policies are cached for MAX_AGE_MS. Before a refusal, they are read again. */
const MAX_ROLES = 200;
const MAX_BYTES = 8 * 1024 ** 2;
const MAX_AGE_MS = 2_000;
const PAUSE_MS = 100;

/** The policies of a role as a statement over channels. */
interface Question {
  text: string;
  tidemark: Tidemark;
  /** Time before the policies were read, by performance.now(). */
  askedAt: number;
}

export interface RightsOfChannels {
  of(identity: Identity, names: readonly string[], tidemark?: string): Promise<ChannelRights[]>;
  toJoin(identity: Identity, name: string, tidemark?: string): Promise<ChannelRights>;
}

export function createChannelRights(database: Database): RightsOfChannels {
  const questions = new CoalescedLoads<Question>({
    maxAgeMs: MAX_AGE_MS,
    pauseMs: PAUSE_MS,
    maxNames: MAX_ROLES,
    maxBytes: MAX_BYTES,
    bytesOf: ({ text }) => 2 * text.length,
  });

  async function ask(identity: Identity, names: readonly string[], question: Question, tidemark = question.tidemark) {
    const images = names.map((name) => {
      const colon = name.indexOf(':');
      return { name, kind: name.slice(0, colon), key: name.slice(colon + 1) };
    });
    const { rows } = await database.read<ChannelRights>({
      identity: inSchema(identity, 'public'),
      statement: { text: question.text, params: [JSON.stringify(images)] },
      holder: { route: 'channels' },
      tidemark: laterTidemark(tidemark, question.tidemark),
    });
    return rows;
  }

  async function askKnown(identity: Identity, names: readonly string[], tidemark?: string) {
    const { role } = identity;
    const known = await questions.get(role, () => load(database, role));
    try {
      return { known, rights: await ask(identity, names, known, tidemark) };
    } catch (error) {
      if ((error as { code?: string }).code === 'DB_EPOCH_CHANGED') {
        const now = await questions.since(performance.now(), role, () => load(database, role));
        return { known: now, rights: await ask(identity, names, now, tidemark) };
      }
      // The policies may name something that was dropped or renamed since.
      if (!isRefusal(error)) throw error;
      return { known, error };
    }
  }

  return {
    async of(identity, names, tidemark) {
      const { rights, error } = await askKnown(identity, names, tidemark);
      if (!rights) throw error;
      return rights;
    },
    async toJoin(identity, name, tidemark) {
      const began = performance.now();
      const { role } = identity;
      const { known, rights, error } = await askKnown(identity, [name], tidemark);
      const [granted] = rights ?? [];
      if (granted?.join) return granted;
      if (known.askedAt >= began) {
        if (!granted) throw error;
        return granted;
      }
      const now = await questions.since(began, role, () => load(database, role));
      const [anew] = await ask(identity, [name], now, tidemark);
      return anew as ChannelRights;
    },
  };
}

async function load(database: Database, role: string): Promise<Question> {
  const askedAt = performance.now();
  const epoch = database.epoch();
  const [, [row], { lsn }] = await database.pools.write.transaction(
    (tx) => Promise.all([tx.query(NO_SEARCH_PATH), tx.query<FactsRow>(FACTS), tx.snapshot()]),
    { identity: { role, claims: '{}' }, readOnly: true },
  );
  // A server that has replayed this position has everything that the policies name.
  const tidemark = formatTidemark(epoch, lsn);
  const { may_select, may_insert, security, policies } = row as FactsRow;
  const of = (command: string) =>
    (policies ?? []).filter((policy) => policy.command === command || policy.command === '*');
  const join = security ? policySql(of('r')) : 'true';
  const send = security
    ? policySql(of('a').map((policy) => ({ ...policy, using: policy.check ?? policy.using })))
    : 'true';
  // The alias is the name of the table, by which policies with a subquery refer to its columns.
  const text = `select coalesce(${may_select ? join : 'false'}, false) as join, coalesce(${may_insert ? send : 'false'}, false) as send
from jsonb_array_elements($1::jsonb) with ordinality as "tidemark images" ("tidemark image", "tidemark ord")
cross join lateral jsonb_populate_record(null::tidemark.channels, "tidemark image") as ${identifier('channels')}
order by "tidemark ord"`;
  return { text, tidemark, askedAt };
}
