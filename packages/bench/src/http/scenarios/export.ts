/**
 * All rows of a table as CSV: the gateway over HTTP against psql, which writes to /dev/null, and a server of a dozen lines on
 * pg-copy-streams. Every process is on this machine: where its processors are busy, ours pays for a reader of its own.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { runScript } from '@tidemark/db';
import { errors } from '../../errors.ts';
import type { ServerProcess } from '../../processes/server.ts';
import type { Fixture } from '../fixture.ts';
import type { Contender, Scenario } from '../scenario.ts';

const run = promisify(execFile);
const ROWS = { quick: 20_000, full: 500_000 };
/** Of the gateway's process, over the whole run. */
const MEMORY_MOST_BYTES = 30 * 1024 ** 2;
const PATH = '/rest/v1/measurements?select=id,sensor,label,value,taken_at';
const HEADERS = { accept: 'text/csv', 'accept-encoding': 'identity' };
const READY_MS = 20_000;

export const exportCsv: Scenario = {
  name: 'export',
  title: 'CSV export of 500,000 rows (--quick: 20,000)',
  connections: 1,
  async start(fixture) {
    const rows = fixture.quick ? ROWS.quick : ROWS.full;
    await fill(fixture, rows);
    const [gateway, copy, psql] = await Promise.all([
      fixture.gateway({ CACHE_BYTES: '0' }),
      fixture.baseline('copy'),
      hasPsql().then((has) => (has ? fixture.baseline('psql') : undefined)),
    ]);
    const bytes = await sizeOf(copy);
    // Also the first export: what it loads and compiles stays.
    await untilWhole(gateway, rows);
    const before = gateway.usage().rssBytes;
    const contender = (
      server: ServerProcess,
      path: string,
      size: number | undefined,
      target: number | null,
    ): Contender => ({
      server,
      target,
      requests: [
        { method: 'GET', path, headers: HEADERS, status: 200, includes: 'done', ...(size && { bytes: size }) },
      ],
    });
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, gateway.usage().rssBytes ?? 0);
    }, WATCH_MS);
    watch.unref();
    return {
      // COPY ends each row with a newline, we part them by one.
      ours: contender(gateway, PATH, bytes - 1, null),
      others: [...(psql ? [contender(psql, '/', undefined, 0.8)] : []), contender(copy, '/', bytes, psql ? null : 0.8)],
      async check() {
        clearInterval(watch);
        if (before === null) return undefined;
        const grown = most - before;
        console.log(
          `export of ${(bytes / 1024 ** 2).toFixed(1)} MB: the gateway's memory ${mb(before)} before, ${mb(most)} at the most`,
        );
        return grown > MEMORY_MOST_BYTES ? `the gateway's memory grew by ${mb(grown)}` : undefined;
      },
    };
  },
};

const WATCH_MS = 20;
const mb = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

async function fill({ databaseUrl }: Fixture, rows: number): Promise<void> {
  await runScript(
    databaseUrl,
    `drop table if exists public.measurements;
     create table public.measurements as
       select n as id, n % 1000 as sensor, 'sensor ' || n % 1000 || ', hall ' || n % 17 as label, n * 0.37 as value,
              '2026-01-01'::timestamptz + n * interval '1 second' as taken_at
         from generate_series(1, ${rows}) n;
     grant select on public.measurements to anon;
     analyze public.measurements;`,
  );
}

/** Debian has it in postgresql-client; the binaries of the local stack come without it. */
async function hasPsql(): Promise<boolean> {
  return run('psql', ['--version']).then(
    () => true,
    () => false,
  );
}

async function sizeOf({ url }: ServerProcess): Promise<number> {
  return (await (await fetch(url, { headers: HEADERS })).arrayBuffer()).byteLength;
}

/** The replica that it reads from has the table, and all of it. */
async function untilWhole({ url }: ServerProcess, rows: number): Promise<void> {
  let seen = 'nothing';
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; ) {
    const answer = await fetch(url + PATH, { headers: HEADERS });
    let lines = 0;
    for await (const chunk of answer.body ?? []) for (const byte of chunk as Uint8Array) if (byte === NEWLINE) lines++;
    seen = `${answer.status} with ${lines} rows`;
    if (answer.status === 200 && lines === rows) return;
  }
  throw errors.NOT_WITHIN({ what: `an export of ${rows} rows; the last was ${seen}`, seconds: READY_MS / 1_000 });
}

const NEWLINE = 10;
