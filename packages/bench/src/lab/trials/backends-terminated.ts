/** Every backend of the database is ended, three times, under 32 clients: as a restart of a connection pooler or a failover does. */
import { withClient } from '@tidemark/local-stack';
import {
  backAfter,
  createEntries,
  failures,
  missingEntries,
  rate,
  startRecordedLoad,
  statuses,
  until,
} from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

const CLIENTS = 32;
const ROUNDS = 3;
const PACE = { quick: { beforeMs: 500, afterMs: 700 }, full: { beforeMs: 3_000, afterMs: 4_000 } };
const ANSWERED_WITHIN_MS = 5_000;
/** On a quiet machine 2 s; quick rounds only look whether it comes back at all. */
const BACK_WITHIN_MS = 2_000;
const SHARE_BACK = 0.9;

export const backendsTerminated: Trial = {
  name: 'backends-terminated',
  claim:
    'when every backend is ended, every request is answered, nothing acknowledged is lost, and the rate comes back',
  async run(context): Promise<Finding[]> {
    const { quick, log } = context;
    const pace = quick ? PACE.quick : PACE.full;
    const stack = await context.stack();
    const { primaryUrl, replicaUrl } = await context.database();
    await createEntries(primaryUrl);
    const gateway = await startGateway(context, { primaryUrl, replicaUrl, natsUrl: stack.natsUrl });
    const load = startRecordedLoad(gateway.url, { clients: CLIENTS });
    context.cleanup(() => load.stop());
    const warm = quick ? 300 : 5_000;
    await until('load', () => load.answers.length > warm);
    const backMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(pace.beforeMs);
      const endedAt = performance.now();
      const before = rate(load.answers, endedAt - pace.beforeMs, endedAt);
      await Promise.all([terminateAll(primaryUrl), terminateAll(replicaUrl)]);
      await until('answers', () => rate(load.answers, performance.now() - 200, performance.now()) > 0);
      await sleep(pace.afterMs);
      const back = backAfter(load.answers, endedAt, before * SHARE_BACK);
      backMs.push(back ?? Number.POSITIVE_INFINITY);
      log(
        `${before.toFixed(0)} answers/s before; back to 90 % ${back === undefined ? 'not' : `${back.toFixed(0)} ms`} after it`,
      );
    }
    await load.stop();
    log(statuses(load.answers));
    const bound = quick
      ? []
      : [atMost('back to 90 % of the rate, slowest', BACK_WITHIN_MS, Math.max(...backMs), ' ms')];
    return [
      atMost('slowest answer', ANSWERED_WITHIN_MS, Math.max(...load.answers.map(({ ms }) => ms)), ' ms'),
      equal(
        'requests that broke off without an answer',
        0,
        failures(load.answers).filter(({ status }) => status === 0).length,
      ),
      equal(
        `acknowledged rows (of ${load.acknowledged.size}) that are missing`,
        0,
        await missingEntries(primaryUrl, load.acknowledged),
      ),
      ...bound,
      await stillRuns(gateway),
    ];
  },
};

async function terminateAll(url: string): Promise<void> {
  await withClient(
    url,
    (sql) => sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  );
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
