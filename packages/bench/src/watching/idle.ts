/** A whole stack that nobody uses, with its console closed: processor, memory, and what it asks of Postgres. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withConnection } from '@tidemark/db';
import { type TreeProcess, treeOf } from '../batch/process-tree.ts';
import { startTidemarkUp } from '../lab/setup/tidemark-up.ts';
import { atMost, type Finding, type Trial } from '../lab/trial.ts';
import { megabytes } from '../measuring/statistics.ts';
import { pause } from '../measuring/waiting.ts';

/** Time after the start until the services have noticed that nobody uses them (60 s) and have given back memory. */
const REST_MS = { quick: 2_000, full: 100_000 };
const MEASURED_MS = { quick: 3_000, full: 120_000 };
const COMMITS = 'select sum(xact_commit + xact_rollback)::float8 as commits from pg_stat_database';
/** Percent of a core. */
const MAX_NODE = 3;
const MAX_SERVERS = 2;
const MAX_COMMITS = 5;
const MAX_RESIDENT_MB = 450;

type Kind = 'node' | 'postgres' | 'nats';

export const idle: Trial = {
  name: 'idle',
  claim: 'a stack that nobody uses costs 3 % of a core, 2 % for Postgres and NATS, 5 commits a second and 450 MB',
  async run(context): Promise<Finding[]> {
    const home = await mkdtemp(join(tmpdir(), 'tidemark-idle-'));
    context.cleanup(() => rm(home, { recursive: true, force: true }));
    const up = await startTidemarkUp(context, home);
    const servers = [up.primaryUrl, up.replicaUrl];
    const commits = () => Promise.all(servers.map(commitsOf));
    await pause(REST_MS[context.mode]);
    const [before, processesBefore, from] = [await commits(), treeOf(up.pid), performance.now()];
    await pause(MEASURED_MS[context.mode]);
    const [after, processes, seconds] = [await commits(), treeOf(up.pid), (performance.now() - from) / 1_000];

    const earlier = new Map(processesBefore.map((one) => [one.pid, one.cpuMs]));
    const percentOf = (of: (one: TreeProcess) => boolean) =>
      processes.filter(of).reduce((sum, { pid, cpuMs }) => sum + cpuMs - (earlier.get(pid) ?? 0), 0) / seconds / 10;
    const node = processes.filter((one) => kindOf(one) === 'node');
    for (const { pid, command, rssBytes } of node) {
      context.log(`${percentOf((one) => one.pid === pid).toFixed(2)} % ${megabytes(rssBytes)} ${command.slice(-60)}`);
    }
    // Each look at a server is a transaction of its own.
    const perSecond = after.map((count, index) => (count - (before[index] as number) - 1) / seconds);
    context.log(`commits/s: ${perSecond.map((rate) => rate.toFixed(2)).join(' on the primary, ')} on the replica`);
    const limit = (most: number) => (context.quick ? most * 1_000 : most);
    const resident = node.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / 1024 ** 2;
    const total = perSecond.reduce((sum, rate) => sum + rate, 0);
    return [
      atMost(
        'processor of the Node processes',
        limit(MAX_NODE),
        percentOf((one) => kindOf(one) === 'node'),
        ' %',
      ),
      atMost(
        'processor of Postgres and NATS',
        limit(MAX_SERVERS),
        percentOf((one) => kindOf(one) !== 'node'),
        ' %',
      ),
      atMost('commits on primary and replica', limit(MAX_COMMITS), total, '/s'),
      atMost('resident memory of the Node processes', limit(MAX_RESIDENT_MB), resident, ' MB'),
    ];
  },
};

function kindOf({ command }: TreeProcess): Kind {
  if (command.includes('nats-server')) return 'nats';
  return /\bnode\b.*\.js/.test(command) ? 'node' : 'postgres';
}

function commitsOf(url: string): Promise<number> {
  return withConnection(url, 'bench', async (query) => {
    const [row] = await query<{ commits: number }>(COMMITS);
    return row?.commits ?? 0;
  });
}
