/** Faults under load: each gives one root finding that names the culprit in time, and its SQL ends the fault. Normal load gives none. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Stack } from '@tidemark/local-stack';
import { repeat } from '../../measuring/loops.ts';
import { pause } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import { signToken, startService } from '../../processes/services.ts';
import { type Fault, type Scene, SETUP } from '../findings/fault.ts';
import { FAULTS } from '../findings/faults.ts';
import { type Watch, watchFindings } from '../findings/watch.ts';
import { startFourServices } from '../setup/four-services.ts';
import { startTcpLink, type TcpLink } from '../setup/tcp-link.ts';
import { atMost, equal, type Finding, none, type Trial, type TrialContext } from '../trial.ts';

const NORMAL_MS = { quick: 5_000, full: 1_800_000 };
/** A quick run has one; tests of services/metrics inject five of the others. */
const QUICK = '40 callers of pg_sleep(3)';
const CLIENTS = 4;
const CLIENT_PAUSE_MS = 20;
const START_MS = 60_000;
/** The slowest finding is that of a full queue. */
const FOUND_MS = 120_000;
/** Longer than the windows that findings of routes look at. */
const END_MS = 60_000;
const LEAK = new URL('../setup/leak-on-signal.js', import.meta.url).href;
const SLOW_KIND = fileURLToPath(new URL('../findings/slow-kind.js', import.meta.url));

export const findings: Trial = {
  name: 'findings',
  claim: 'each fault gives exactly one root finding that names the culprit in time, and normal load gives none',
  limitMs: 45 * 60_000,
  async run(context): Promise<Finding[]> {
    const stack = await context.ownStack({ postgresSettings: { max_connections: 300 } }, SETUP);
    const { scene, metricsUrl } = await startScene(context, stack);
    startLoad(context, scene);
    const watch = await watchFindings(metricsUrl);
    await watch.untilWell(START_MS);
    const only = context.only?.split(',');
    const unexpected = await watch.during(NORMAL_MS[only === undefined ? context.mode : 'quick']);
    const results = [none('findings under normal load', unexpected.length, unexpected[0]?.message)];
    for (const fault of FAULTS) {
      const isOne = only?.some((part) => fault.name.includes(part)) ?? (!context.quick || fault.name === QUICK);
      if (!isOne) continue;
      // A fault that is not found, or does not end, must not hide the others.
      const missed = (error: Error) => [equal(`${fault.name}: is found, and ends`, 'yes', error.message)];
      results.push(...(await tryFault(context, fault, scene, watch).catch(missed)));
    }
    return results;
  },
};

async function tryFault(context: TrialContext, fault: Fault, scene: Scene, watch: Watch): Promise<Finding[]> {
  const end = await fault.inject(scene);
  try {
    return await judge(context, fault, scene, watch);
  } finally {
    await end();
    // The windows of its consequences take half a minute to pass, before which the next fault would not be alone.
    if (!context.quick) await watch.untilWell(END_MS);
  }
}

async function judge(context: TrialContext, fault: Fault, scene: Scene, watch: Watch): Promise<Finding[]> {
  const { name, rule, culprit, withinMs, bySql } = fault;
  const { roots, afterMs } = await watch.until(rule, FOUND_MS);
  const [root] = roots;
  context.log(`${name}: ${roots.map((one) => `${one.rule}: ${one.message}`).join(' | ')}`);
  const results = [
    atMost(`${name}: found`, withinMs, afterMs, ' ms'),
    equal(`${name}: the roots`, rule, roots.map((one) => one.rule).join(', ')),
    {
      what: `${name}: the culprit`,
      expected: String(culprit),
      got: root?.message ?? '',
      ok: culprit.test(root?.message ?? ''),
    },
  ];
  if (bySql !== 'no') {
    const server = bySql === 'primary' ? scene.stack.primary : scene.stack.replicas[0];
    const sql = root?.do[0]?.sql ?? '';
    if (sql !== '') await server?.query(sql);
    const ended = await watch.untilWell(END_MS).then(
      () => true,
      () => false,
    );
    results.push(equal(`${name}: its SQL ends it`, true, sql !== '' && ended));
  }
  return results;
}

async function startScene(context: TrialContext, stack: Stack): Promise<{ scene: Scene; metricsUrl: string }> {
  const natsPrefix = `lab${randomBytes(4).toString('hex')}`;
  const replicaUrl = stack.replicas[0]?.url;
  const servers = { primaryUrl: stack.primary.url, replicaUrl, natsUrl: stack.nats.url };
  const env = {
    NATS_PREFIX: natsPrefix,
    RELAY_SLOT: 'tidemark_lab',
    DATABASE_REPLICA_URLS: replicaUrl ?? '',
    METRICS_DROP_AFTER_MS: '8000',
    // Reads go to the database, which the faults concern.
    CACHE_BYTES: '0',
    BATCH_KINDS: SLOW_KIND,
  };
  const link = await linkReplica(context, stack);
  const services = await startFourServices(context, servers, { env, execArgv: ['--expose-gc', '--import', LEAK] });
  let realtime: ServerProcess = services.realtime;
  const scene: Scene = {
    stack,
    natsPrefix,
    gateway: services.gateway,
    link,
    token: await signToken({ sub: 'ann' }),
    realtime: () => realtime,
    async startRealtime() {
      // The gateway's proxy is not part of it, so the new address is not told to it.
      realtime = context.stopAtEnd(await startService('realtime', servers, { env }));
    },
  };
  return { scene, metricsUrl: services.metrics.url };
}

/** The replica streams through a link that faults can cut. */
async function linkReplica(context: TrialContext, { primary, replicas: [replica] }: Stack): Promise<TcpLink> {
  const link = context.stopAtEnd(await startTcpLink(primary.port));
  const rows = await replica?.query<{ conninfo: string }>("select current_setting('primary_conninfo') as conninfo");
  const conninfo = rows?.[0]?.conninfo.replace(/port=\d+/, `port=${link.port}`);
  await replica?.query(`alter system set primary_conninfo = '${conninfo?.replaceAll("'", "''")}'`);
  await replica?.query('select pg_reload_conf()');
  await replica?.caughtUp();
  return link;
}

/** Reads by index and inserts, at a rate that a busy machine bears. */
function startLoad(context: TrialContext, { gateway, token }: Scene): void {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (let client = 0; client < CLIENTS; client++) {
    let n = client;
    const loop = repeat(async () => {
      n += CLIENTS;
      const isWrite = n % 3 === 0;
      const url = `${gateway.url}/rest/v1/orders${isWrite ? '' : `?customer=eq.${n % 5000}&limit=20`}`;
      const body = isWrite ? { method: 'POST', body: JSON.stringify({ customer: n % 5000, note: 'x' }) } : {};
      const answer = await fetch(url, { headers, ...body }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => undefined);
      await pause(CLIENT_PAUSE_MS);
    });
    context.cleanup(() => loop.stop());
  }
}
