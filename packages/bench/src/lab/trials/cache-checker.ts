/**
 * Writers bypass the gateways (SQL), while replay on the replica pauses, the relay stops, NATS stops and the epoch
 * changes. During each of these faults the caches serve nothing.
 */
import { repeat } from '../../measuring/loops.ts';
import { pause, until } from '../../measuring/waiting.ts';
import { type CachedGateways, cachedGateways, PLACES, random } from '../setup/cached-gateways.ts';
import { atLeast, equal, type Finding, none, type Trial } from '../trial.ts';

const CALM_MS = { quick: 1_500, full: 30_000 };
const ROUNDS = { quick: 1, full: 3 };
const FAULT_MS = { quick: 200, full: 3_000 };
const READERS = 6;
const WRITERS = 2;
const PATHS = [
  ...Array.from({ length: PLACES }, (_, index) => `counters?id=eq.${index + 1}`),
  'counters?select=id,version,parts(id,version)&id=lte.3',
  'counted?id=gt.2',
  'counters',
];

interface Fault {
  readonly name: string;
  begin(gateways: CachedGateways): Promise<void>;
  end(gateways: CachedGateways): Promise<void>;
}

const faults: readonly Fault[] = [
  {
    name: 'the relay is paused',
    begin: async (gateways) => void process.kill(gateways.relay().pid, 'SIGSTOP'),
    end: async (gateways) => void process.kill(gateways.relay().pid, 'SIGCONT'),
  },
  {
    name: 'NATS is paused',
    begin: ({ stack }) => stack.nats.pause(),
    end: async ({ stack }) => stack.nats.resume(),
  },
  {
    name: 'the relay is stopped and returns with a new epoch',
    async begin(gateways) {
      await gateways.relay().stop();
      await gateways.owner`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_type = 'logical'`;
    },
    end: (gateways) => gateways.startRelay(),
  },
];

export const cacheChecker: Trial = {
  name: 'cache-checker',
  claim: 'no response is older than its tidemark, and a cache that may have missed a change serves nothing',
  async run(context) {
    const gateways = await cachedGateways(context);
    await gateways.serving();
    const counts = { reads: 0, writes: 0 };
    const loops = [
      gateways.disturbReplay(400, 900),
      ...Array.from({ length: WRITERS }, () => repeat(() => write(gateways, counts))),
      ...Array.from({ length: READERS }, () => repeat(() => read(gateways, counts))),
    ];
    const findings: Finding[] = [];
    try {
      for (let round = 0; round < ROUNDS[context.mode]; round += 1) {
        await pause(CALM_MS[context.mode]);
        // The gateway's own tests cover the first fault.
        for (const fault of faults.slice(context.quick ? 1 : 0)) {
          findings.push(await during(gateways, fault, FAULT_MS[context.mode]));
        }
      }
    } finally {
      await Promise.all(loops.map((loop) => loop.stop()));
    }
    const violations = gateways.history.violations();
    for (const line of violations.slice(0, 10)) context.log(line);
    const { sources } = gateways.history;
    context.log(`${counts.reads} reads, ${counts.writes} writes: ${JSON.stringify(Object.fromEntries(sources))}`);
    return [
      ...findings,
      none('responses older than their tidemark', violations.length),
      atLeast('reads from a cache', Math.floor(counts.reads / 50), sources.get('cache') ?? 0),
    ];
  },
};

async function during(gateways: CachedGateways, { name, begin, end }: Fault, ms: number): Promise<Finding> {
  await begin(gateways);
  let served: number;
  try {
    await until('both caches to pause', async () => (await gateways.cacheMetric('paused')) === 2);
    const before = await gateways.cacheMetric('hits_total');
    await pause(ms);
    served = (await gateways.cacheMetric('hits_total')) - before;
  } finally {
    await end(gateways);
  }
  await gateways.serving();
  return equal(`responses from the caches while ${name}`, 0, served);
}

async function write({ owner, history }: CachedGateways, counts: { writes: number }): Promise<void> {
  const table = random(3) === 0 ? 'parts' : 'counters';
  const id = 1 + random(PLACES);
  const [row] = await owner`update ${owner(table)} set version = version + 1 where id = ${id} returning version`;
  const [at] = await owner`select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text as lsn`;
  history.addWrite(`${table}/${id}`, row?.version, BigInt(at?.lsn));
  counts.writes += 1;
  await pause(random(8) === 0 ? random(900) : random(20));
}

async function read(gateways: CachedGateways, counts: { reads: number }): Promise<void> {
  // Reads ask for no tidemark, because one of a past epoch would be refused.
  await gateways.read(PATHS[random(PATHS.length)] as string);
  counts.reads += 1;
  await pause(random(4));
}
