/** A corpus of many records, under policies, against psql's COPY of the same rows into a table without any. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atLeast, atMost, equal, type Finding, type Trial } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { treeBytes } from '../process-tree.ts';
import { startBatchServices } from '../services.ts';

const run = promisify(execFile);
const RECORDS = { quick: 10_000, full: 1_000_000 };
const ROUNDS = { quick: 1, full: 3 };
const TARGET = { quick: 0, full: 0.3 };
const SLICE = 5_000;

const COLUMNS = `id uuid primary key, number bigint not null, author text not null, model text not null, tokens integer not null,
  cost numeric(10, 4) not null, created_at timestamptz not null, content text not null`;
const TABLES = `
  create table public.records (${COLUMNS});
  alter table public.records enable row level security;
  create policy own on public.records for insert to authenticated
    with check (author = (select current_setting('request.jwt.claims', true)::jsonb ->> 'sub') and tokens >= 0);
  grant insert on public.records to authenticated;
  create table public.copied (${COLUMNS});`;

const TEMPLATE = {
  id: { uuid: {} },
  number: { sequence: {} },
  author: { value: 'ada' },
  model: { choice: ['small', 'large', 'vision'], weights: [6, 3, 1] },
  tokens: { integer: { min: 1, max: 4_000 } },
  cost: { decimal: { min: 0, max: 2, scale: 4 } },
  created_at: { time: { from: '2026-01-01', to: '2026-06-30' } },
  content: { text: { min: 3, max: 12 } },
};

export const corpus: Trial = {
  name: 'corpus',
  claim: '1,000,000 records under policies are made at 0.3 times the rate of psql’s COPY of the same rows without',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const count = RECORDS[mode];
    const services = await startBatchServices(context, {}, TABLES);
    const { primary } = services.stack;
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-corpus-'));
    context.cleanup(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'records.csv');
    const psql = (command: string) => run('psql', [primary.url, '-qc', command]);
    const generate = async (records: number) => {
      await primary.query('truncate public.records');
      const spec = { table: 'records', count: records, seed: 1, template: TEMPLATE };
      return services.seconds(await services.submit('corpus.generate', spec, 'ada'), Math.ceil(records / SLICE));
    };
    const copy = async () => {
      await primary.query('truncate public.copied');
      const startedAt = performance.now();
      await psql(`\\copy public.copied from '${file}' (format csv)`);
      return (performance.now() - startedAt) / 1_000;
    };
    await generate(count / 10);
    const residentBefore = treeBytes(services.batch.pid);
    await generate(count);
    await psql(`\\copy public.records to '${file}' (format csv)`);
    await copy();
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS[mode]; round += 1) {
      const theirs = await copy();
      const ours = await generate(count);
      context.log(`corpus ${ours.toFixed(2)} s, psql ${theirs.toFixed(2)} s`);
      ratios.push(theirs / ours);
    }
    const residentAfter = treeBytes(services.batch.pid);
    const [difference] = await primary.query<{ rows: number }>(
      `select count(*)::int as rows from (
         (table public.records except table public.copied) union all (table public.copied except table public.records)) as d`,
    );
    return [
      atLeast('times psql', TARGET[mode], median(ratios)),
      atMost('times the memory of a tenth of the records', mode === 'full' ? 1.2 : 10, residentAfter / residentBefore),
      equal('rows that differ', difference?.rows ?? -1, 0),
    ];
  },
};
