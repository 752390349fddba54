/**
 * The pool of postgres 3.4.9 could run statements of a dead transaction inside another one; here they fail, and leave
 * no row.
 */
import { openDatabase } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { until } from '../../measuring/waiting.ts';
import type { Servers } from '../../processes/services.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { equal, type Finding, none, type Trial, type TrialContext } from '../trial.ts';

const ROUNDS = { quick: 20, full: 500 };
const GATEWAY_ROUNDS = { quick: 3, full: 100 };
/** The trigger keeps the doomed transaction open until it is killed. */
const TABLE = `create table public.notes (round int, who text);
  create function public.linger() returns trigger language plpgsql as $$ begin
    if new.who = 'lingers' then perform pg_sleep(30); end if;
    return new;
  end $$;
  create trigger linger before insert on public.notes for each row execute function public.linger();
  grant select, insert on public.notes to anon;`;

export const killedNeighbour: Trial = {
  name: 'killed-neighbour',
  claim: 'a connection that dies inside a transaction aborts only that transaction',
  async run(context): Promise<Finding[]> {
    const servers = await context.database(TABLE);
    const { primaryUrl } = servers;
    const db = await openDatabase({ primaryUrl, applicationName: 'lab', pools: { write: { max: 2 } } });
    context.cleanup(() => db.close());
    const { write, admin } = db.pools;
    const rounds = ROUNDS[context.mode];
    let failed = 0;
    for (let round = 0; round < rounds; round++) {
      const note = (who: string) => ['insert into public.notes values ($1, $2)', [round, who]] as const;
      await write.transaction(async (tx) => {
        await tx.query(...note('neighbour'));
        const doomed = write.transaction(async (other) => {
          const [row] = await other.query('select pg_backend_pid() as pid');
          await other.query(...note('doomed'));
          await Promise.all([
            admin.query('select pg_terminate_backend($1, 5000)', [row!.pid]),
            other.query(...note('stray')),
            other.query(...note('stray')),
          ]);
          await other.query(...note('stray'));
        });
        await doomed.catch(() => failed++);
        await tx.query(...note('neighbour'));
      });
    }
    const count = await countNotes(primaryUrl);
    return [
      equal('dead transactions that failed', rounds, failed),
      equal("the neighbours' rows", 2 * rounds, count('neighbour')),
      none('rows of a dead transaction', count('doomed') + count('stray')),
      ...(await throughGateway(context, servers)),
    ];
  },
};

async function throughGateway(context: TrialContext, { primaryUrl, natsUrl }: Servers): Promise<Finding[]> {
  const gateway = await startGateway(context, { primaryUrl, natsUrl });
  const transact = async (round: number, names: readonly string[]) => {
    const operations = names.map((who) => ({ method: 'POST', path: '/rest/v1/notes', body: { round, who } }));
    const response = await fetch(`${gateway.url}/api/v1/transaction`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operations }),
    });
    await response.text();
    return response.status;
  };
  const rounds = GATEWAY_ROUNDS[context.mode];
  let refused = 0;
  let committed = 0;
  for (let round = 0; round < rounds; round++) {
    const doomed = transact(round, ['killed', 'lingers', 'killed']);
    await until('the doomed transaction', () => killSleeping(primaryUrl));
    const neighbours = await Promise.all([1, 2, 3].map(() => transact(round, ['beside', 'beside'])));
    committed += neighbours.filter((status) => status === 200).length;
    if ((await doomed) === 503) refused++;
  }
  const count = await countNotes(primaryUrl);
  return [
    equal('gateway: dead transactions answered with 503', rounds, refused),
    none('gateway: rows of a dead transaction', count('killed') + count('lingers')),
    equal("gateway: rows of the neighbours' acknowledged transactions", committed * 2, count('beside')),
    equal('gateway: neighbours that were answered', rounds * 3, committed),
    await stillRuns(gateway),
  ];
}

async function countNotes(primaryUrl: string): Promise<(who: string) => number> {
  const rows = await withClient(
    primaryUrl,
    (sql) => sql`select who, count(*)::int as n from public.notes group by who`,
  );
  return (who) => Number(rows.find((row) => row.who === who)?.n ?? 0);
}

async function killSleeping(primaryUrl: string): Promise<boolean> {
  const killed = await withClient(
    primaryUrl,
    (sql) => sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`,
  );
  return killed.length > 0;
}
