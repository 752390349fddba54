/**
 * A backend is ended inside a transaction while a neighbour works beside it. postgres 3.4.9's own pool let statements of the
 * dead transaction run inside of another one after that; here they fail, and no row of theirs is left.
 */
import { openDatabase } from '@tidemark/db';
import { equal, type Finding, type Trial } from '../trial.ts';

/** `quick`: 20 takes half a second. */
const ROUNDS = { quick: 20, full: 500 };

export const killedNeighbour: Trial = {
  name: 'killed-neighbour',
  claim: 'a connection that dies inside a transaction takes only that transaction along',
  async run({ quick, cleanup, database }): Promise<Finding[]> {
    const { primaryUrl } = await database();
    const db = await openDatabase({ primaryUrl, applicationName: 'lab', pools: { write: { max: 2 } } });
    cleanup(() => db.close());
    const { write, admin } = db.pools;
    await admin.query('create table public.notes (round int, who text)');
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
    ];
  },
};
