import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { runAsAda, showOwnRows } from './ada.ts';

const stack = await openBatchStack(t);
await stack.startBatch();
await stack.query('create table public.sales (id int8 primary key, owner text, area text, amount numeric, units int8)');
await stack.query(`
  insert into public.sales
  select n, case when n % 4 = 0 then 'bob' else 'ada' end, 'area ' || n % 3, n * 100000000000000.01, 9007199254740993
  from generate_series(1, 1000) n`);
await showOwnRows(stack, 'public.sales');

async function report(spec: object) {
  const { id, job } = await runAsAda(stack, 'report.aggregate', spec);
  // As text, because parsing would round.
  const [item] = await stack.query(`select (value -> 'rows')::text as rows from tidemark.job_items where job_id = $1`, [
    id,
  ]);
  return { id, job, rows: item?.rows as string };
}

t.test(
  'counts, sums and averages are those of Postgres, to the last digit, of the rows that the submitter sees',
  async (t) => {
    const query = 'sales?select=area,count(),amount.sum(),amount.avg(),units.sum(),id.min(),id.max()&order=area';
    const renamed = query
      .replace('units.sum()', 'all:units.sum()')
      .replace('id.min()', 'a:id.min()')
      .replace('id.max()', 'b:id.max()');
    const { job, rows } = await report({ query: renamed.replace('amount.avg()', 'mean:amount.avg()') });
    t.match(job, { state: 'succeeded', done: 1 });
    const [expected] = await stack.query(`
    select jsonb_agg(t order by area)::text as rows from (
      select area, count(*), sum(amount), avg(amount) as mean, sum(units) as all, min(id) as a, max(id) as b
      from public.sales where owner = 'ada' group by area) t`);
    t.equal(rows, expected!.rows);
    t.match(rows, /"all": 2251799813685248250/);
  },
);

t.test('a result may be a file, and a large one must', async (t) => {
  const query = 'sales?select=id,count()&order=id';
  const { job } = await report({ query: query.replace('select=', 'select=area,amount,') });
  t.match(job, { state: 'succeeded' });
  await stack.query(`insert into public.sales select n, 'ada', md5(n::text), n, n from generate_series(2001, 4000) n`);
  const large = await report({ query: 'sales?select=id,area,count()' });
  t.match(large.job, { state: 'failed', error: { items: [{ code: 'BATCH_REPORT_TOO_LARGE', hint: /"as": "file"/ }] } });
  const { id } = await report({ query: 'sales?select=area,count(),amount.sum()&order=area&limit=2', as: 'file' });
  const [file] = await stack.outputsOf(id);
  t.match(file!.path, /0-sales\.csv$/);
  const [sums] = await stack.query(`
    select 'area,count,sum' || e'\n' || string_agg(area || ',' || n || ',' || s, e'\n' order by area) || e'\n' as csv from (
      select area, count(*) as n, sum(amount) as s from public.sales where owner = 'ada' group by area order by area limit 2) t`);
  t.equal((await stack.store.read(file!.storage_key, 1e6)).toString(), sums!.csv);
});

t.test('refuses a query without an aggregate', async (t) => {
  const { job } = await report({ query: 'sales?select=id' });
  t.match(job, { state: 'failed', error: { code: 'BATCH_NO_AGGREGATE' } });
});
