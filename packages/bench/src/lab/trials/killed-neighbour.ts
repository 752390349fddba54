/**
 * A backend is ended inside a transaction while a neighbour works beside it. postgres 3.4.9's own pool let statements of the
 * dead transaction run inside of another one after that; here they fail, and no row of theirs is left.
 */
import { openDatabase, runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { until } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { equal, type Finding, type Trial, type TrialContext } from '../trial.ts';

/** `quick`: 20 takes half a second. */
const ROUNDS = { quick: 20, full: 500 };
const GATEWAY_ROUNDS = { quick: 3, full: 100 };
/** The doomed transaction stands still here until it is killed. */
const TABLE = `create table public.notes (round int, who text);
  create function public.linger() returns trigger language plpgsql as $$ begin
    if new.who = 'lingers' then perform pg_sleep(30); end if;
    return new;
  end $$;
  create trigger linger before insert on public.notes for each row execute function public.linger();
  grant select, insert on public.notes to anon;`;

export const killedNeighbour: Trial = {
  name: 'killed-neighbour',
  claim: 'a connection that dies inside a transaction takes only that transaction along',
  async run(context): Promise<Finding[]> {
    const { quick, cleanup, database } = context;
    const { primaryUrl } = await database();
    await runScript(primaryUrl, TABLE);
    const db = await openDatabase({ primaryUrl, applicationName: 'lab', pools: { write: { max: 2 } } });
    cleanup(() => db.close());
    const { write, admin } = db.pools;
    let lost = 0;
    const rounds = quick ? ROUNDS.quick : ROUNDS.full;
    for (let round = 0; round < rounds; round++) {
      const note = (who: string) => ['insert into public.notes values ($1, $2)', [round, who]] as const;
      await write.transaction(async (tx) => {
        await tx.query(...note('neighbour'));
        const doomed = write.transaction(async (other) => {
          const [row] = await other.query('select pg_backend_pid() as pid');
          await other.query(...note('doomed'));
          await Promise.all([
            admin.query('select pg_terminate_backend($1, 5000)', [row!.pid]),
            ...[other.query(...note('stray')), other.query(...note('stray'))],
          ]);
          await other.query(...note('stray'));
        });
        await doomed.catch(() => lost++);
        await tx.query(...note('neighbour'));
      });
    }
    const rows = await admin.query<{ who: string; n: number }>(
      'select who, count(*)::int as n from public.notes group by who order by who',
    );
    const count = (who: string) => rows.find((row) => row.who === who)?.n ?? 0;
    return [
      equal('transactions that were told of their end', rounds, lost),
      equal("the neighbours' rows", 2 * rounds, count('neighbour')),
      equal('rows of a dead transaction', 0, count('doomed') + count('stray')),
      ...(await throughGateway(context, primaryUrl, quick ? GATEWAY_ROUNDS.quick : GATEWAY_ROUNDS.full)),
    ];
  },
};

/** The same by `POST /api/v1/transaction`: the doomed one's backend is ended while its neighbours' requests come and go. */
async function throughGateway(context: TrialContext, primaryUrl: string, rounds: number): Promise<Finding[]> {
  const { natsUrl } = await context.stack();
  const gateway = await startGateway(context, { primaryUrl, natsUrl });
  const transact = async (round: number, names: readonly string[]) => {
    const operations = names.map((who) => ({ method: 'POST', path: '/rest/v1/notes', body: { round, who } }));
    const answer = await fetch(`${gateway.url}/api/v1/transaction`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ operations }),
    });
    await answer.text();
    return answer.status;
  };
  let refused = 0;
  let kept = 0;
  for (let round = 0; round < rounds; round++) {
    const doomed = transact(round, ['killed', 'lingers', 'killed']);
    await until('the doomed transaction', () => kill(primaryUrl));
    const neighbours = await Promise.all([1, 2, 3].map(() => transact(round, ['beside', 'beside'])));
    kept += neighbours.filter((status) => status === 200).length;
    if ((await doomed) === 503) refused++;
  }
  const rows = await withClient(
    primaryUrl,
    (sql) => sql`select who, count(*)::int as n from public.notes group by who`,
  );
  const count = (who: string) => Number(rows.find((row) => row.who === who)?.n ?? 0);
  return [
    equal('gateway: dead transactions answered with 503', rounds, refused),
    equal('gateway: rows of a dead transaction', 0, count('killed') + count('lingers')),
    equal("gateway: rows of the neighbours' acknowledged transactions", kept * 2, count('beside')),
    equal('gateway: neighbours that were answered', rounds * 3, kept),
    await stillRuns(gateway),
  ];
}

async function kill(primaryUrl: string): Promise<boolean> {
  const ended = await withClient(
    primaryUrl,
    (sql) => sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and wait_event = 'PgSleep'`,
  );
  return ended.length > 0;
}
