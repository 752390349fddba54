/**
 * A thousand clients insert a row a request, which the gateway joins, while backends of the primary are ended at random and
 * the primary itself is once restarted with `-m immediate`. The table has no key: what was written twice would be seen.
 */
import { migrate, runScript } from '@tidemark/db';
import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import { readMetrics } from '../../processes/service-metrics.ts';
import { failures, missingEntries, startRecordedLoad, statuses, until } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, equal, type Finding, type Trial } from '../trial.ts';

const PACE = { quick: { clients: 200, cullings: 4, calmMs: 150 }, full: { clients: 1_000, cullings: 40, calmMs: 500 } };
/** Share of the backends that one culling ends. */
const SHARE = 0.4;
/** A group waits at most 5 s for a connection, and so does the one that waits for it. Quick rounds share a busy machine. */
const DEADLINE_MS = 10_000;

export const acknowledgedInserts: Trial = {
  name: 'acknowledged-inserts',
  claim:
    'joined inserts: what is acknowledged is there once, what is not is there once at most, all are answered in time',
  async run(context): Promise<Finding[]> {
    const { quick, log, cleanup } = context;
    const { clients, cullings, calmMs } = quick ? PACE.quick : PACE.full;
    const stack = await startTemporaryStack({ replica: false });
    cleanup(() => stack.stop());
    const { url } = stack.primary;
    await migrate(url);
    await runScript(
      url,
      'create table public.entries (id text not null, note text); grant select, insert on public.entries to anon',
    );
    const gateway = await startGateway(context, { primaryUrl: url, natsUrl: stack.nats.url });
    const load = startRecordedLoad(gateway.url, { clients }, false);
    cleanup(() => load.stop());
    await until('load', () => load.acknowledged.size > clients);

    let ended = 0;
    for (let round = 0; round < cullings; round++) {
      ended += await cull(url);
      await sleep(Math.random() * calmMs);
      if (round !== Math.floor(cullings / 2)) continue;
      await stack.primary.stop('immediate');
      await stack.primary.start();
      const before = load.acknowledged.size;
      await until('inserts after the restart', () => load.acknowledged.size > before + clients);
    }
    const before = load.acknowledged.size;
    await until('inserts after the last fault', () => load.acknowledged.size > before + clients);
    await load.stop();
    const { rows, names } = await counted(url);
    const slowestMs = Math.max(...load.answers.map(({ ms }) => ms));
    log(`${ended} backends ended, slowest answer ${slowestMs.toFixed(0)} ms; ${statuses(load.answers)}`);
    const joined = await joinedRows(gateway.url);
    return [
      equal(
        `acknowledged rows (of ${load.acknowledged.size}) that are missing`,
        0,
        await missingEntries(url, load.acknowledged),
      ),
      equal('rows that are there twice', 0, rows - names),
      atMost('rows beyond those asked for', 0, Math.max(0, rows - load.answers.length)),
      equal(
        'requests that broke off without an answer',
        0,
        failures(load.answers).filter(({ status }) => status === 0).length,
      ),
      ...(quick ? [] : [atMost('slowest answer', DEADLINE_MS, slowestMs, ' ms')]),
      atLeast('backends ended under it', cullings / 2, ended),
      atLeast('rows that were joined', clients, joined),
      await stillRuns(gateway),
    ];
  },
};

/** Of the gateway's, some at random. */
async function cull(url: string): Promise<number> {
  const rows = await withClient(
    url,
    (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid() and random() < ${SHARE}`,
  );
  return rows.length;
}

async function counted(url: string): Promise<{ rows: number; names: number }> {
  const [row] = await withClient(
    url,
    (sql) => sql`select count(*)::int as rows, count(distinct id)::int as names from public.entries`,
  );
  return row as { rows: number; names: number };
}

async function joinedRows(url: string): Promise<number> {
  return (await readMetrics(url))('tidemark_insert_groups_rows_total');
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
