/** The replica is paused (SIGSTOP: connections stay open, nothing is answered) or killed under reads, which the primary then answers. */
import type { ReplicaNode } from '@tidemark/local-stack';
import { pause, until } from '../../measuring/waiting.ts';
import { ENTRIES, failures, slowestMs, startRecordedLoad, statuses } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, type Finding, none, type Trial, type TrialContext } from '../trial.ts';

const CLIENTS = 32;
/** The watcher waits 1,000 ms for an answer; then the reads of the replica start again. */
const SLOWEST_MS = 3_000;
const FAULT_MS = { quick: 1_600, full: 10_000 };
const RECENT_READS = `select count(*)::int as n from pg_stat_activity where application_name like '%/read:%'
  and backend_start > now() - interval '1 minute' and state_change > now() - interval '1 second'`;

async function underReads(
  context: TrialContext,
  breakIt: (replica: ReplicaNode) => Promise<void>,
  mend: (replica: ReplicaNode) => Promise<void>,
): Promise<Finding[]> {
  const stack = await context.ownStack({}, ENTRIES);
  const replica = stack.replicas[0]!;
  const servers = { primaryUrl: stack.primary.url, replicaUrl: replica.url, natsUrl: stack.nats.url };
  // Without the cache every read goes to Postgres. Load shedding would decide the result on a busy machine.
  const env = { CACHE_BYTES: '0', SHED_QUEUE_MS: '0', SHED_LOOP_MS: '0' };
  const gateway = await startGateway(context, servers, env);
  const load = context.stopAtEnd(startRecordedLoad(gateway.url, { clients: CLIENTS }));
  await until('load', () => load.responses.length > 300);
  const before = load.responses.length;
  await breakIt(replica);
  await pause(FAULT_MS[context.mode]);
  const meanwhile = load.responses.length - before;
  const mendedAt = performance.now();
  await mend(replica);
  await until('reads on the replica', async () => Number((await replica.query(RECENT_READS))[0]?.n) > 0);
  const ms = performance.now() - mendedAt;
  context.log(`${meanwhile} responses during the fault; reads on the replica again after ${ms.toFixed(0)} ms`);
  await load.stop();
  context.log(statuses(load));
  return [
    none('failed requests', failures(load).length),
    atMost('slowest response', SLOWEST_MS, slowestMs(load), ' ms'),
    await stillRuns(gateway),
  ];
}

export const replicaPaused: Trial = {
  name: 'replica-paused',
  claim: 'a paused replica delays requests by some seconds at most, fails none, and is used again when it resumes',
  run: (context) =>
    underReads(
      context,
      (replica) => replica.pause(),
      async (replica) => replica.resume(),
    ),
};

export const replicaKilled: Trial = {
  name: 'replica-killed',
  claim: 'a killed replica fails no request, and is used again when it is back',
  run: (context) =>
    underReads(
      context,
      (replica) => replica.kill(),
      (replica) => replica.start(),
    ),
};
