/** psql writes to /dev/null; on busy processors the gateway's ratio to it includes the cost of the HTTP client. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runScript } from '@tidemark/db';
import { megabytes } from '../../measuring/statistics.ts';
import { until } from '../../measuring/waiting.ts';
import type { ServerProcess } from '../../processes/server.ts';
import type { LoadRequest } from '../load/messages.ts';
import type { Scenario } from '../scenario.ts';

const ROWS = { quick: 20_000, full: 500_000 };
const MAX_GROWTH_BYTES = 30 * 1024 ** 2;
const PATH = '/rest/v1/measurements?select=id,sensor,label,value,taken_at';
const HEADERS = { accept: 'text/csv', 'accept-encoding': 'identity' };
const READY_MS = 20_000;
const SAMPLE_MS = 20;
const NEWLINE = 10;

export const exportCsv: Scenario = {
  name: 'export',
  title: 'CSV export of 500,000 rows (--quick: 20,000)',
  connections: 1,
  async start(fixture) {
    const rows = fixture.quick ? ROWS.quick : ROWS.full;
    await runScript(fixture.databaseUrl, tableOf(rows));
    const [gateway, copy, psql] = await Promise.all([
      fixture.gateway({ CACHE_BYTES: '0' }),
      fixture.baseline('copy'),
      hasPsql().then((has) => (has ? fixture.baseline('psql') : undefined)),
    ]);
    const { byteLength } = await (await fetch(copy.url, { headers: HEADERS })).arrayBuffer();
    // Also the first export, which loads and compiles code.
    await untilComplete(gateway, rows);
    const before = gateway.usage().rssBytes;
    let peak = 0;
    const sampling = setInterval(() => {
      peak = Math.max(peak, gateway.usage().rssBytes ?? 0);
    }, SAMPLE_MS);
    sampling.unref();
    const request = (path: string, bytes: number): LoadRequest[] => [
      { method: 'GET', path, headers: HEADERS, status: 200, includes: '', bytes },
    ];
    return {
      // COPY ends the last row with a newline, the gateway does not.
      gateway: { server: gateway, requests: request(PATH, byteLength - 1) },
      baselines: [
        ...(psql ? [{ server: psql, requests: request('/', 'done'.length), target: 0.8 }] : []),
        { server: copy, requests: request('/', byteLength), target: psql ? null : 0.8 },
      ],
      async check() {
        clearInterval(sampling);
        if (before === null) return undefined;
        console.log(
          `export of ${megabytes(byteLength)}: the gateway's memory ${megabytes(before)} before, ${megabytes(peak)} at its peak`,
        );
        const growth = peak - before;
        return growth > MAX_GROWTH_BYTES ? `the gateway's memory grew by ${megabytes(growth)}` : undefined;
      },
    };
  },
};

const tableOf = (rows: number) => `drop table if exists public.measurements;
create table public.measurements as
  select n as id, n % 1000 as sensor, 'sensor ' || n % 1000 || ', hall ' || n % 17 as label, n * 0.37 as value,
         '2026-01-01'::timestamptz + n * interval '1 second' as taken_at
    from generate_series(1, ${rows}) n;
grant select on public.measurements to anon;
analyze public.measurements;`;

/** The local stack's binaries do not include psql; Debian has it in postgresql-client. */
const hasPsql = (): Promise<boolean> =>
  promisify(execFile)('psql', ['--version']).then(
    () => true,
    () => false,
  );

async function untilComplete({ url }: ServerProcess, rows: number): Promise<void> {
  let seen = 'no response';
  const isComplete = async () => {
    const response = await fetch(url + PATH, { headers: HEADERS });
    let lines = 0;
    for await (const chunk of response.body ?? [])
      for (const byte of chunk as Uint8Array) if (byte === NEWLINE) lines++;
    seen = `${response.status} with ${lines} rows`;
    return response.status === 200 && lines === rows;
  };
  await until(() => `an export of ${rows} rows; the last was ${seen}`, isComplete, READY_MS);
}
