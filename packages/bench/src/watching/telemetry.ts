/** Measures what a gateway spends on counting, timing and reporting each request: processor time by V8's profile, and bytes on NATS. */
import { randomBytes } from 'node:crypto';
import { connectBus } from '@tidemark/bus';
import type { Telemetry } from '@tidemark/contracts';
import { startFourServices } from '../lab/setup/four-services.ts';
import { atLeast, atMost, type Finding, type Trial } from '../lab/trial.ts';
import { repeat } from '../measuring/loops.ts';
import { pause, until } from '../measuring/waiting.ts';
import { signToken } from '../processes/services.ts';

const MEASURED_S = { quick: 2, full: 30 };
const WARM_MS = { quick: 1_000, full: 10_000 };
/** A quick run on a busy machine shows that all of it is measured. */
const MAX_MICROS = { quick: 1_500, full: 15 };
const MAX_BYTES_PER_S = 32 * 1_024;
const CLIENTS = 8;
const STATEMENTS = 30;

/** The files whose work no request needs. */
const WATCHING = [
  'service/dist/http-timings.js',
  'service/dist/histogram.js',
  'service/dist/telemetry.js',
  'service/dist/garbage-collection.js',
  'service/dist/memory-pressure.js',
  'service/dist/loop-delay.js',
  'service/dist/request-ids.js',
  'db/dist/statements/',
  'db/dist/pool/meter.js',
  'gateway/dist/http/requests/',
  'gateway/dist/request/request-parts.js',
  '@datadog/sketches-js',
];

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
}

export const telemetry: Trial = {
  name: 'telemetry',
  claim: 'watching costs at most 15 µs of CPU a request and 32 KB/s an instance',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const servers = await context.database(`
      create table public.notes (id bigint primary key, note text);
      insert into public.notes select n, repeat('x', 100) from generate_series(1, 10000) n;
      grant select, insert on public.notes to authenticated`);
    const prefix = `watching${randomBytes(4).toString('hex')}`;
    // Each read reaches the database, as it costs most to watch.
    const env = { NATS_PREFIX: prefix, CACHE_BYTES: '0', RATE_LIMITS: 'off', WORK_LIMITS: 'off' };
    const { gateway, metrics } = await startFourServices(context, servers, { env });
    const bus = await connectBus({ url: servers.natsUrl, name: 'bench', prefix });
    context.cleanup(() => bus.close());
    let bytes = 0;
    let last: Telemetry | undefined;
    const subscription = bus.subscribe<Telemetry>(bus.subjects.allTelemetryOf('gateway'), (message) => {
      bytes += JSON.stringify(message).length;
      last = message;
    });
    context.cleanup(async () => subscription.unsubscribe());
    const headers = { authorization: `Bearer ${await signToken({ sub: 'ann' })}` };
    for (let client = 0; client < CLIENTS; client++) {
      let n = client;
      const loop = repeat(async () => {
        n += CLIENTS;
        // Several shapes, so that the list of statements is as long as it gets.
        const columns = ['id', 'note', 'id,note'][n % 3];
        const filter = `id=eq.${n % 10_000}${'&id=gt.0'.repeat((n % STATEMENTS) / 3)}`;
        const answer = await fetch(`${gateway.url}/rest/v1/notes?select=${columns}&${filter}`, { headers });
        await answer.arrayBuffer();
      });
      context.cleanup(() => loop.stop());
    }
    await pause(WARM_MS[mode]);
    await until('telemetry of the gateway', async () => last !== undefined);
    const seconds = MEASURED_S[mode];
    const requestsBefore = last?.http?.requestsTotal ?? 0;
    const from = performance.now();
    bytes = 0;
    const ops = { authorization: `Bearer ${await signToken({ role: 'ops' })}` };
    const url = `${metrics.url}/api/v1/performance/profile?instance=${last?.instance}&seconds=${seconds}`;
    const answer = await fetch(url, { headers: ops });
    if (!answer.ok) throw new Error(`the profile: ${answer.status} ${await answer.text()}`);
    const profile = (await answer.json()) as Profile;
    const elapsed = (performance.now() - from) / 1_000;
    const perSecond = ((last?.http?.requestsTotal ?? 0) - requestsBefore) / elapsed;
    const requests = perSecond * seconds;
    const micros = watchedMicros(profile, (line) => context.log(line), requests);
    return [
      atLeast('requests while it was measured', 20, requests),
      atMost('processor time of watching a request', MAX_MICROS[mode], micros / requests, ' µs'),
      atMost('telemetry of the instance', MAX_BYTES_PER_S, bytes / elapsed, ' bytes/s'),
      atLeast('statements in its telemetry', 10, last?.statements?.length ?? 0),
    ];
  },
};

/** Returns the time in which functions of those files ran themselves, and logs each with its share. */
function watchedMicros(profile: Profile, log: (line: string) => void, requests: number): number {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byName = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const { functionName = '', url = '' } = frames.get(id) ?? {};
    const file = WATCHING.find((part) => url.includes(part));
    if (file === undefined) return;
    const name = `${url.slice(url.lastIndexOf('/') + 1)} ${functionName}`;
    byName.set(name, (byName.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  for (const [name, micros] of [...byName].sort((a, b) => b[1] - a[1]).slice(0, 12)) {
    log(`${(micros / requests).toFixed(2)} µs ${name}`);
  }
  return [...byName.values()].reduce((sum, micros) => sum + micros, 0);
}
