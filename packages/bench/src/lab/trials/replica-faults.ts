/** The replica is frozen (SIGSTOP: connections stay open, nothing answers) or killed under reads: the primary answers them. */
import { migrate } from '@tidemark/db';
import { type ReplicaNode, startTemporaryStack } from '@tidemark/local-stack';
import { createEntries, failures, startRecordedLoad, statuses, until } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, equal, type Finding, type Trial, type TrialContext } from '../trial.ts';

const CLIENTS = 32;
/** A poll waits 1,000 ms for its answer; the reads that were on the replica then start anew. */
const SLOWEST_MS = 3_000;
const DURING_MS = { quick: 1_600, full: 10_000 };

async function underReads(
  context: TrialContext,
  hurt: (replica: ReplicaNode) => Promise<void>,
  heal: (replica: ReplicaNode) => Promise<void>,
): Promise<Finding[]> {
  const { quick, log, cleanup } = context;
  const stack = await startTemporaryStack();
  cleanup(() => stack.stop());
  const replica = stack.replicas[0]!;
  await migrate(stack.primary.url);
  await createEntries(stack.primary.url);
  await replica.caughtUp();
  const place = { primaryUrl: stack.primary.url, replicaUrl: replica.url, natsUrl: stack.nats.url };
  // Each read goes to Postgres; on a busy machine, shedding would be what is measured.
  const env = { CACHE_BYTES: '0', SHED_QUEUE_MS: '0', SHED_LOOP_MS: '0' };
  const gateway = await startGateway(context, place, env);
  const load = startRecordedLoad(gateway.url, { clients: CLIENTS });
  cleanup(() => load.stop());
  await until('load', () => load.answers.length > 300);
  const hurtAt = performance.now();
  await hurt(replica);
  await new Promise((resolve) => setTimeout(resolve, DURING_MS[quick ? 'quick' : 'full']));
  const during = load.answers.filter(({ at }) => at > hurtAt).length;
  const healedAt = performance.now();
  await heal(replica);
  const commits = async () => {
    const [row] = await replica.query<{ n: string }>(
      "select count(*)::int as n from pg_stat_activity where application_name like '%/read:%' and backend_start > now() - interval '1 minute' and state_change > now() - interval '1 second'",
    );
    return Number(row?.n ?? 0);
  };
  await until('reads on the replica again', async () => (await commits()) > 0);
  log(
    `${during} answers meanwhile; reads on it again ${(performance.now() - healedAt).toFixed(0)} ms after it was back`,
  );
  await load.stop();
  log(statuses(load.answers));
  return [
    equal('requests that failed', 0, failures(load.answers).length),
    atMost('slowest answer', SLOWEST_MS, Math.max(...load.answers.map(({ ms }) => ms)), ' ms'),
    await stillRuns(gateway),
  ];
}

export const replicaPaused: Trial = {
  name: 'replica-paused',
  claim:
    'a replica that stands still costs no request more than some seconds, none fails, and it is used again when it goes on',
  run: (context) =>
    underReads(
      context,
      (replica) => replica.pause(),
      async (replica) => replica.resume(),
    ),
};

export const replicaKilled: Trial = {
  name: 'replica-killed',
  claim: 'a replica that is killed costs no request, and is used again when it is back',
  run: (context) =>
    underReads(
      context,
      (replica) => replica.kill(),
      (replica) => replica.start(),
    ),
};
