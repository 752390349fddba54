/**
 * Clients begin exports and leave in the middle: some close their socket, some stop reading. The issue asks for no busy connection
 * a second later. Then the backend of an export is ended: its client must see that what it has is not all.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { runScript } from '@tidemark/db';
import { withClient } from '@tidemark/local-stack';
import { median } from '../../measuring/statistics.ts';
import { readMetrics } from '../../processes/service-metrics.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

/** At a time, as the gateway allows by default. */
const TOGETHER = 8;
const WAVES = { quick: 2, full: 13 };
const STALL_MS = 300;
/** 400 MB each: more than all buffers on the way; the second also when it is compressed. */
const VIEWS = `create view public.endless as
  select a * 1000 + b as n, repeat('x', 1000) as pad from generate_series(1, 1000) a, generate_series(1, 400) b;
  create view public.noise as
  select a * 1000 + b as n, (select string_agg(md5((a * 1000 + b)::text || c), '') from generate_series(1, 30) c) as pad
    from generate_series(1, 1000) a, generate_series(1, 400) b;
  grant select on public.endless, public.noise to anon;`;
const BUSY = `select count(*)::int as n from pg_stat_activity
  where application_name like '%/analytics%' and state <> 'idle' and datname = current_database()`;
const END_BACKENDS = `select pg_terminate_backend(pid) from pg_stat_activity
  where application_name like '%/analytics%' and state = 'active' and datname = current_database()`;

interface Started {
  response: IncomingMessage;
  leave(): void;
  /** That the answer has ended, and whether in full. */
  ended: Promise<boolean>;
}

async function startExport(url: string, accept = 'text/csv', coding = 'identity'): Promise<Started> {
  const asked = request(`${url}/rest/v1/${coding === 'gzip' ? 'noise' : 'endless'}`, {
    headers: { accept, 'accept-encoding': coding },
  });
  asked.on('error', () => undefined);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  const ended = new Promise<boolean>((resolve) => response.once('close', () => resolve(response.complete)));
  await once(response, 'readable');
  response.read();
  return { response, leave: () => asked.destroy(), ended };
}

export const abortedExports: Trial = {
  name: 'aborted-exports',
  claim: 'an export whose reader goes or stalls holds no connection a second later, and a broken one looks broken',
  async run({ quick, log, cleanup, stack, database }): Promise<Finding[]> {
    const { primaryUrl, replicaUrl } = await database();
    const { natsUrl } = await stack();
    await runScript(primaryUrl, VIEWS);
    const env = { EXPORT_STALL_MS: String(STALL_MS), EXPORTS_MAX: String(TOGETHER) };
    const gateway = await startGateway({ cleanup }, { primaryUrl, replicaUrl, natsUrl }, env);
    const onServers = async (text: string) =>
      Promise.all([primaryUrl, replicaUrl].map((url) => withClient(url, (client) => client.unsafe(text))));
    const busy = async () => (await onServers(BUSY)).reduce((sum, [row]) => sum + Number(row?.n), 0);
    /** ms; Infinity after 10 s. */
    const untilFree = async () => {
      const began = performance.now();
      while ((await busy()) > 0) if (performance.now() - began > 10_000) return Number.POSITIVE_INFINITY;
      return performance.now() - began;
    };
    // The first one loads and compiles; its memory stays.
    (await startExport(gateway.url)).leave();
    await untilFree();
    const before = gateway.usage().rssBytes ?? 0;
    const peaks: number[] = [];
    let [slowest, slowestStalled, started] = [0, 0, 0];
    for (let wave = 0; wave < (quick ? WAVES.quick : WAVES.full); wave++) {
      const exports = await Promise.all(
        Array.from({ length: TOGETHER }, (_, nth) =>
          startExport(gateway.url, nth % 2 ? 'text/csv' : 'application/x-ndjson', nth === 7 ? 'gzip' : 'identity'),
        ),
      );
      started += exports.length;
      const stalls = wave % 2 === 1;
      if (!stalls) for (const one of exports) one.leave();
      const ms = await untilFree();
      peaks.push(((gateway.usage().rssBytes ?? 0) - before) / 1024 ** 2);
      if (stalls) slowestStalled = Math.max(slowestStalled, ms);
      else slowest = Math.max(slowest, ms);
      for (const one of exports) one.leave();
      await Promise.all(exports.map(({ ended }) => ended));
    }
    log(
      `${started} exports left; memory over its start after each wave, MB: ${peaks.map((mb) => mb.toFixed(0)).join(' ')}`,
    );
    const doomed = await startExport(gateway.url);
    await onServers(END_BACKENDS);
    doomed.response.resume();
    const whole = await doomed.ended;
    const active = (await readMetrics(gateway.url))('tidemark_exports_active');
    return [
      atMost('until no connection was busy, after clients had closed', 1_000, slowest, ' ms'),
      atMost(
        `the same after clients had stopped reading (cut off after ${STALL_MS} ms)`,
        STALL_MS + 2_500,
        slowestStalled,
        ' ms',
      ),
      atMost(`the gateway's memory grew by, with ${TOGETHER} at a time`, 64, Math.max(...peaks), ' MB'),
      atMost('its last growth over the median one', 24, (peaks.at(-1) ?? 0) - median(peaks), ' MB'),
      equal('an export whose backend was ended looked complete', false, whole),
      equal('exports that the gateway still counts', 0, active),
      await stillRuns(gateway),
    ];
  },
};
