/**
 * Writers behind the gateways' backs (SQL) and readers of both gateways, at random, while the replica's replay is paused, the
 * relay stands still, NATS stands still and the epoch changes. During each fault the caches serve nothing; at no time
 * is an answer older than its tidemark.
 */

import { until } from '../load/recorded-load.ts';
import { type CachedGateways, cachedGateways, PLACES, pause, random } from '../setup/cached-gateways.ts';
import { atLeast, equal, type Finding, type Trial } from '../trial.ts';

const CALM_MS = { quick: 1_500, full: 30_000 };
const ROUNDS = { quick: 1, full: 3 };
/** Reads go on so long while nothing may come from a cache. */
const FAULT_MS = { quick: 200, full: 3_000 };
const READERS = 6;
const WRITERS = 2;
const PATHS = [
  ...Array.from({ length: PLACES }, (_, index) => `counters?id=eq.${index + 1}`),
  ...['counters?select=id,version,parts(id,version)&id=lte.3', 'counted?id=gt.2', 'counters'],
];

interface Fault {
  readonly name: string;
  begin(lab: CachedGateways): Promise<void>;
  end(lab: CachedGateways): Promise<void>;
}

const faults: readonly Fault[] = [
  {
    name: 'the relay stands still',
    begin: async (lab) => void process.kill(lab.relay().pid, 'SIGSTOP'),
    end: async (lab) => void process.kill(lab.relay().pid, 'SIGCONT'),
  },
  {
    name: 'NATS stands still',
    begin: ({ stack }) => stack.nats.pause(),
    end: async ({ stack }) => stack.nats.resume(),
  },
  {
    name: 'the relay is stopped, and comes back with another epoch',
    async begin(lab) {
      await lab.relay().stop();
      await lab.owner`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_type = 'logical'`;
    },
    end: (lab) => lab.startRelay(),
  },
];

export const cacheChecker: Trial = {
  name: 'cache-checker',
  claim:
    'no answer is older than its tidemark, whoever writes, and a cache that may have missed something serves nothing',
  async run(context) {
    const lab = await cachedGateways(context);
    await lab.serving();
    const kind = context.quick ? 'quick' : 'full';
    const calm = lab.disturb(400, 900);
    const load = { going: true, reads: 0, writes: 0 };
    const workers = [
      ...Array.from({ length: WRITERS }, () => write(lab, load)),
      ...Array.from({ length: READERS }, () => read(lab, load)),
    ];
    const findings: Finding[] = [];
    try {
      for (let round = 0; round < ROUNDS[kind]; round += 1) {
        await pause(CALM_MS[kind]);
        // The first one is in the gateway's own tests, too.
        for (const fault of faults.slice(context.quick ? 1 : 0))
          findings.push(await during(lab, fault, FAULT_MS[kind]));
      }
    } finally {
      load.going = false;
      await Promise.allSettled(workers);
      await calm();
    }
    await Promise.all(workers);
    const violations = lab.book.violations();
    for (const line of violations.slice(0, 10)) context.log(line);
    const cached = lab.book.sources.get('cache') ?? 0;
    context.log(`${load.reads} reads, ${load.writes} writes: ${JSON.stringify(Object.fromEntries(lab.book.sources))}`);
    return [
      ...findings,
      equal('answers older than their tidemark', 0, violations.length),
      atLeast('reads from a cache', Math.floor(load.reads / 50), cached),
    ];
  },
};

async function during(lab: CachedGateways, { name, begin, end }: Fault, ms: number): Promise<Finding> {
  await begin(lab);
  let served: number;
  try {
    await until('both caches to pause', async () => (await lab.figure('paused')) === 2);
    const before = await lab.figure('hits_total');
    await pause(ms);
    served = (await lab.figure('hits_total')) - before;
  } finally {
    await end(lab);
  }
  await lab.serving();
  return equal(`answers from the caches while ${name}`, 0, served);
}

async function write({ owner, book }: CachedGateways, load: { going: boolean; writes: number }): Promise<void> {
  while (load.going) {
    const table = random(3) === 0 ? 'parts' : 'counters';
    const id = 1 + random(PLACES);
    const [row] = await owner`update ${owner(table)} set version = version + 1 where id = ${id} returning version`;
    // At or past the end of the commit.
    const [at] = await owner`select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::text as lsn`;
    book.wrote(`${table}/${id}`, row?.version, BigInt(at?.lsn));
    load.writes += 1;
    // Bursts, and calm in which something can be cached.
    await pause(random(8) === 0 ? random(900) : random(20));
  }
}

async function read(lab: CachedGateways, load: { going: boolean; reads: number }): Promise<void> {
  while (load.going) {
    // Without asking for a tidemark: those of an epoch that is over would be refused.
    await lab.read(PATHS[random(PATHS.length)] as string);
    load.reads += 1;
    await pause(random(4));
  }
}
