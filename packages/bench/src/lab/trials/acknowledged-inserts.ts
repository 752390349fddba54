/**
 * The gateway commits rows in groups, while random backends are terminated and the primary is once restarted with `-m
 * immediate`. The table has no key, so that a row written twice is found.
 */
import { withClient } from '@tidemark/local-stack';
import { pause, until } from '../../measuring/waiting.ts';
import { readMetric } from '../../processes/service-metrics.ts';
import { allAnswered, nothingLost, slowestMs, startRecordedLoad, statuses } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, type Finding, none, type Trial } from '../trial.ts';

const PACE = { quick: { clients: 200, rounds: 4, calmMs: 150 }, full: { clients: 1_000, rounds: 40, calmMs: 500 } };
const SHARE = 0.4;
/** A group, and the group that waits behind it, each wait up to 5 s for a connection. */
const DEADLINE_MS = 10_000;
const TABLE =
  'create table public.entries (id text not null, note text); grant select, insert on public.entries to anon';

export const acknowledgedInserts: Trial = {
  name: 'acknowledged-inserts',
  claim: 'grouped inserts: acknowledged rows exist once, others at most once, and all requests are answered in time',
  async run(context): Promise<Finding[]> {
    const { clients, rounds, calmMs } = PACE[context.mode];
    const stack = await context.ownStack({ replica: false }, TABLE);
    const { url } = stack.primary;
    const gateway = await startGateway(context, { primaryUrl: url, natsUrl: stack.nats.url });
    const load = context.stopAtEnd(startRecordedLoad(gateway.url, { clients, reads: false }));
    const moreInserts = (when: string) => {
      const before = load.acknowledged.size;
      return until(`inserts ${when}`, () => load.acknowledged.size > before + clients);
    };
    await moreInserts('at the start');
    let terminated = 0;
    for (let round = 0; round < rounds; round++) {
      terminated += await terminateSome(url);
      await pause(Math.random() * calmMs);
      if (round !== Math.floor(rounds / 2)) continue;
      await stack.primary.stop('immediate');
      await stack.primary.start();
      await moreInserts('after the restart');
    }
    await moreInserts('after the last fault');
    await load.stop();
    const { rows, ids } = await withClient(url, async (sql) => {
      const [row] = await sql`select count(*)::int as rows, count(distinct id)::int as ids from public.entries`;
      return row as { rows: number; ids: number };
    });
    context.log(
      `${terminated} backends terminated, slowest response ${slowestMs(load).toFixed(0)} ms; ${statuses(load)}`,
    );
    return [
      await nothingLost(url, load),
      none('rows that exist twice', rows - ids),
      none('rows beyond the requested ones', Math.max(0, rows - load.responses.length)),
      allAnswered(load),
      ...(context.quick ? [] : [atMost('slowest response', DEADLINE_MS, slowestMs(load), ' ms')]),
      atLeast('backends terminated', rounds / 2, terminated),
      atLeast('rows inserted in groups', clients, await readMetric(gateway.url, 'tidemark_insert_groups_rows_total')),
      await stillRuns(gateway),
    ];
  },
};

async function terminateSome(url: string): Promise<number> {
  const rows = await withClient(
    url,
    (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() and random() < ${SHARE}`,
  );
  return rows.length;
}
