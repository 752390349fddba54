/** Clients start exports and leave: some close their socket, some stop reading. Then the backend of an export is terminated. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { withClient } from '@tidemark/local-stack';
import { median } from '../../measuring/statistics.ts';
import { readMetric } from '../../processes/service-metrics.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atMost, equal, type Finding, type Trial } from '../trial.ts';

const CONCURRENT = 8;
const WAVES = { quick: 2, full: 13 };
const STALL_MS = 300;
/** Each view has 400 MB, more than all buffers on the way; `noise` also when compressed. */
const VIEWS = `create view public.endless as
  select a * 1000 + b as n, repeat('x', 1000) as pad from generate_series(1, 1000) a, generate_series(1, 400) b;
  create view public.noise as
  select a * 1000 + b as n, (select string_agg(md5((a * 1000 + b)::text || c), '') from generate_series(1, 30) c) as pad
    from generate_series(1, 1000) a, generate_series(1, 400) b;
  grant select on public.endless, public.noise to anon;`;
const BUSY = `select count(*)::int as n from pg_stat_activity
  where application_name like '%/analytics%' and state <> 'idle' and datname = current_database()`;
const TERMINATE = `select pg_terminate_backend(pid) from pg_stat_activity
  where application_name like '%/analytics%' and state = 'active' and datname = current_database()`;

interface Export {
  response: IncomingMessage;
  leave(): void;
  ended: Promise<boolean>;
}

async function startExport(url: string, accept = 'text/csv', coding = 'identity'): Promise<Export> {
  const sent = request(`${url}/rest/v1/${coding === 'gzip' ? 'noise' : 'endless'}`, {
    headers: { accept, 'accept-encoding': coding },
  });
  sent.on('error', () => undefined);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  const ended = new Promise<boolean>((resolve) => response.once('close', () => resolve(response.complete)));
  await once(response, 'readable');
  response.read();
  return { response, leave: () => sent.destroy(), ended };
}

export const abortedExports: Trial = {
  name: 'aborted-exports',
  claim:
    'an export whose reader leaves or stalls frees its connection within a second, and a broken export looks broken',
  async run(context): Promise<Finding[]> {
    const servers = await context.database(VIEWS);
    const env = { EXPORT_STALL_MS: String(STALL_MS), EXPORTS_MAX: String(CONCURRENT) };
    const gateway = await startGateway(context, servers, env);
    const onBoth = (text: string) =>
      Promise.all([servers.primaryUrl, servers.replicaUrl].map((url) => withClient(url, (sql) => sql.unsafe(text))));
    const isBusy = async () => (await onBoth(BUSY)).some(([row]) => Number(row?.n) > 0);
    const untilFree = async () => {
      const startedAt = performance.now();
      while (await isBusy()) if (performance.now() - startedAt > 10_000) return Number.POSITIVE_INFINITY;
      return performance.now() - startedAt;
    };
    // The first export loads and compiles code, whose memory stays.
    (await startExport(gateway.url)).leave();
    await untilFree();
    const before = gateway.usage().rssBytes ?? 0;
    const growths: number[] = [];
    let slowestMs = 0;
    let slowestStalledMs = 0;
    for (let wave = 0; wave < WAVES[context.mode]; wave++) {
      const exports = await Promise.all(
        Array.from({ length: CONCURRENT }, (_, n) =>
          startExport(gateway.url, n % 2 ? 'text/csv' : 'application/x-ndjson', n === 7 ? 'gzip' : 'identity'),
        ),
      );
      const stalls = wave % 2 === 1;
      if (!stalls) for (const one of exports) one.leave();
      const ms = await untilFree();
      growths.push(((gateway.usage().rssBytes ?? 0) - before) / 1024 ** 2);
      if (stalls) slowestStalledMs = Math.max(slowestStalledMs, ms);
      else slowestMs = Math.max(slowestMs, ms);
      for (const one of exports) one.leave();
      await Promise.all(exports.map(({ ended }) => ended));
    }
    context.log(`growth of memory after each wave, MB: ${growths.map((mb) => mb.toFixed(0)).join(' ')}`);
    const broken = await startExport(gateway.url);
    await onBoth(TERMINATE);
    broken.response.resume();
    const isComplete = await broken.ended;
    return [
      atMost('time until no connection was busy after clients had closed', 1_000, slowestMs, ' ms'),
      atMost('the same after clients had stopped reading', STALL_MS + 2_500, slowestStalledMs, ' ms'),
      atMost(`growth of the gateway's memory with ${CONCURRENT} exports`, 64, Math.max(...growths), ' MB'),
      atMost('last growth above the median growth', 24, (growths.at(-1) ?? 0) - median(growths), ' MB'),
      equal('an export whose backend was terminated looks complete', false, isComplete),
      equal('exports that the gateway still counts', 0, await readMetric(gateway.url, 'tidemark_exports_active')),
      await stillRuns(gateway),
    ];
  },
};
