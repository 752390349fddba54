/** An export job of many rows against psql's COPY of the same statement to a file. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atLeast, equal, type Finding, type Trial } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { startBatchServices } from '../services.ts';

const run = promisify(execFile);
const ROWS = { quick: 1_000, full: 1_000_000 };
const ROUNDS = { quick: 1, full: 5 };
const TARGET = { quick: 0, full: 0.7 };

const TABLE = `
  create table public.orders (
    id bigint primary key, customer uuid not null, total numeric(12, 2) not null, paid boolean not null,
    placed_at timestamptz not null, note text
  );
  grant select on public.orders to service_role;`;

export const exportRows: Trial = {
  name: 'export',
  claim: 'a job exports 1,000,000 rows as CSV at 0.7 times the rate of psql’s COPY to a file',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const rows = ROWS[mode];
    const services = await startBatchServices(context, {}, TABLE);
    const { primary } = services.stack;
    await primary.query(
      `insert into public.orders select n, md5(n::text)::uuid, n * 0.37, n % 3 = 0, timestamptz '2026-01-01' + n * interval '1 s',
         case when n % 5 = 0 then 'a note, with a comma ' || n end from generate_series(1, $1::int) as n`,
      [rows],
    );
    await primary.query('vacuum analyze public.orders');
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-copy-'));
    context.cleanup(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'orders.csv');
    const copy = async () => {
      const startedAt = performance.now();
      await run('psql', [primary.url, '-qc', `\\copy (select * from public.orders) to '${file}' (format csv, header)`]);
      return (performance.now() - startedAt) / 1_000;
    };
    const exported = async () => {
      const job = await services.submit('export', { query: 'orders', format: 'csv' });
      return { job, seconds: await services.seconds(job, 1) };
    };
    await copy();
    await exported();
    const ratios: number[] = [];
    let last = '';
    for (let round = 0; round < ROUNDS[mode]; round += 1) {
      const theirs = await copy();
      const { job, seconds } = await exported();
      last = job;
      context.log(`export ${seconds.toFixed(2)} s, psql ${theirs.toFixed(2)} s`);
      ratios.push(theirs / seconds);
    }
    const [output] = await primary.query<{ bytes: number }>(
      'select sum(size)::float8 as bytes from tidemark.files where job_id = $1',
      [last],
    );
    return [
      atLeast('times psql', TARGET[mode], median(ratios)),
      equal('bytes of the file', (await stat(file)).size, output?.bytes ?? 0),
    ];
  },
};
