/** Every backend of the database is terminated, three times, under 32 clients, as a failover or a pooler's restart does. */
import { withClient } from '@tidemark/local-stack';
import { pause, until } from '../../measuring/waiting.ts';
import {
  allAnswered,
  ENTRIES,
  nothingLost,
  rate,
  recoveryMs,
  slowestMs,
  startRecordedLoad,
  statuses,
} from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, type Finding, type Trial } from '../trial.ts';

const CLIENTS = 32;
const ROUNDS = 3;
const PACE = {
  quick: { warmResponses: 300, beforeMs: 500, afterMs: 700 },
  full: { warmResponses: 5_000, beforeMs: 3_000, afterMs: 4_000 },
};
const RESPONSE_MS = 5_000;
/** Limit on a quiet machine. A quick run only checks that responses come again. */
const RECOVERY_MS = 2_000;
const RECOVERED_SHARE = 0.9;

export const backendsTerminated: Trial = {
  name: 'backends-terminated',
  claim:
    'when every backend is terminated, all requests are answered, nothing acknowledged is lost, and the rate recovers',
  async run(context): Promise<Finding[]> {
    const { warmResponses, beforeMs, afterMs } = PACE[context.mode];
    const servers = await context.database(ENTRIES);
    const gateway = await startGateway(context, servers);
    const load = context.stopAtEnd(startRecordedLoad(gateway.url, { clients: CLIENTS }));
    await until('load', () => load.responses.length > warmResponses);
    const recoveries: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await pause(beforeMs);
      const terminatedAt = performance.now();
      const before = rate(load, terminatedAt - beforeMs, terminatedAt);
      await Promise.all([terminateAll(servers.primaryUrl), terminateAll(servers.replicaUrl)]);
      await until('responses', () => rate(load, performance.now() - 200, performance.now()) > 0);
      await pause(afterMs);
      const ms = recoveryMs(load, terminatedAt, before * RECOVERED_SHARE);
      recoveries.push(ms);
      context.log(`${before.toFixed(0)} responses/s before; back to 90 % after ${ms.toFixed(0)} ms`);
    }
    await load.stop();
    context.log(statuses(load));
    return [
      atMost('slowest response', RESPONSE_MS, slowestMs(load), ' ms'),
      allAnswered(load),
      await nothingLost(servers.primaryUrl, load),
      ...(context.quick ? [] : [atMost('slowest recovery to 90 %', RECOVERY_MS, Math.max(...recoveries), ' ms')]),
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
