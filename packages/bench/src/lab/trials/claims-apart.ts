/**
 * Some statements fail, some change the session's role, claims and settings, and connections are terminated in
 * between.
 */
import { openDatabase } from '@tidemark/db';
import { atLeast, equal, type Finding, none, type Trial } from '../trial.ts';

const READS = { quick: 800, full: 30_000 };
const CLIENTS = 200;
const TERMINATED_EVERY = 5_000;

const MEDDLE = `create function public.meddle() returns void language plpgsql as $$
  begin
    perform set_config('request.jwt.claims', '{"sub":"stolen"}', false), set_config('role', 'service_role', false),
      set_config('search_path', 'pg_catalog', false), set_config('default_transaction_read_only', 'off', false);
  end $$`;
const WHO = `select current_user::text as role, current_setting('request.jwt.claims')::jsonb ->> 'sub' as sub, $1::int as n,
  current_setting('transaction_read_only') as readonly`;
const MAYBE = `${WHO}, 1 / $2::int as whole`;
const MEDDLING = `${MAYBE}, public.meddle()::text as meddled`;
/** A read that lost its connection in every attempt fails with one of these. */
const LOST = new Set(['DB_CONNECTION_LOST', '57P01']);
const TERMINATE =
  "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'lab/write'";

export const claimsApart: Trial = {
  name: 'claims-apart',
  claim: 'identities never mix: every read runs under the role and claims of its caller, and cannot write',
  async run(context): Promise<Finding[]> {
    const { primaryUrl } = await context.database();
    // The limits are high enough that no read is refused.
    const write = { max: 10, waitingLimit: 2 * CLIENTS, acquireTimeoutMs: 60_000 };
    const db = await openDatabase({ primaryUrl, applicationName: 'lab', pools: { write } });
    context.cleanup(() => db.close());
    await db.pools.admin.query(MEDDLE);
    const reads = READS[context.mode];
    const count = { own: 0, failed: 0, lost: 0, mixed: 0, other: 0 };

    async function read(n: number): Promise<void> {
      const role = n % 2 === 0 ? 'authenticated' : 'anon';
      const fails = n % 7 === 0;
      const text = n % 5 === 0 ? MEDDLING : MAYBE;
      // Some reads have the identity of an earlier one, with which they may share a transaction.
      const sub = `user-${n % 3 === 0 ? n - 2 : n}`;
      const identity = { role, claims: JSON.stringify({ sub }), settings: { search_path: 'public' } };
      try {
        const statement = { text, params: [n, fails ? 0 : 1], sessionSafe: text === MAYBE };
        const { rows } = await db.read({ identity, statement });
        const [row] = rows;
        const isOwn = row?.role === role && row.sub === sub && row.n === n && row.readonly === 'on';
        count[isOwn && !fails ? 'own' : 'mixed']++;
      } catch (error) {
        const { code } = error as { code: string };
        count[code === '22012' && fails ? 'failed' : LOST.has(code) ? 'lost' : 'other']++;
      }
    }

    let next = 0;
    const client = async () => {
      while (next < reads) {
        const n = ++next;
        if (n % TERMINATED_EVERY === 0) await db.pools.admin.query(TERMINATE);
        await read(n);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    context.log(`${count.own} own rows, ${count.failed} expected failures, ${count.lost} lost connections`);
    return [
      none('reads that saw another identity', count.mixed),
      none('unexpected errors', count.other),
      equal('reads that were answered', reads, count.own + count.failed + count.lost),
      atLeast('reads of their own rows', Math.floor(reads * 0.8), count.own),
    ];
  },
};
