import { createHash } from 'node:crypto';
import { until } from '@tidemark/testing';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';
import { runAsAda, showOwnRows } from './ada.ts';

const stack = await openBatchStack(t);
const batch = await stack.startBatch();

await stack.query(`
  create table public.orders (
    id int8 primary key, owner text, total numeric(12, 2), rate numeric, note text, at timestamptz, day date, local timestamp,
    tags text[], doc jsonb, raw bytea, key uuid, ok boolean, half float8, small int2)`);
await stack.query(`
  insert into public.orders
  select n, case when n % 2 = 0 then 'ada' else 'bob' end, n * 1.25 - 3, n / 7.0, null, timestamptz '2024-02-29 12:00:00.123456+00',
    date '1969-12-31', timestamp '2024-02-29 12:00:00.5', array['a', null, 'b,"c'], '{"a": [1, 12345678901234567890]}', '\\x00ff',
    '123e4567-e89b-42d3-a456-426614174000', n % 3 = 0, 'NaN', -n
  from generate_series(1, 10) n`);
await stack.query(`update public.orders set id = 9007199254740993, note = '=1+1' where id = 2`);
await stack.query(`update public.orders set note = e'two\\nlines, "quoted"' where id = 4`);
await stack.query(`update public.orders set note = '' where id = 6`);
await showOwnRows(stack, 'public.orders');

async function exported(spec: object) {
  const { id, job } = await runAsAda(stack, 'export', spec);
  if (job.state !== 'succeeded') return { job, bytes: Buffer.alloc(0), text: '', value: {}, file: undefined };
  const [file] = await stack.outputsOf(id);
  const bytes = await stack.store.read(file!.storage_key, 1e9);
  const [item] = await stack.query('select value from tidemark.job_items where job_id = $1', [id]);
  return { job, bytes, text: bytes.toString(), value: item!.value, file: file! };
}

t.test('CSV has the rows that the submitter may see, as Postgres writes them', async (t) => {
  const { text, value, file, bytes } = await exported({
    query: 'orders?select=id,total,note,tags,half&order=small.desc&small=gte.-6',
  });
  t.equal(
    text,
    'id,total,note,tags,half\n' +
      '9007199254740993,-0.50,=1+1,"{a,NULL,""b,\\""c""}",NaN\n' +
      '4,2.00,"two\nlines, ""quoted""","{a,NULL,""b,\\""c""}",NaN\n' +
      '6,4.50,"","{a,NULL,""b,\\""c""}",NaN\n',
  );
  t.match(file, { path: /\/000000-orders\.csv$/, content_type: 'text/csv; charset=utf-8', owner: 'ada' });
  t.match(value, { rows: 3, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  t.match(value.tidemark, /^\w+-[0-9a-fA-F]{16}$/);
});

t.test('NDJSON and JSON keep every digit', async (t) => {
  const query = 'orders?select=id,doc&order=small.desc&limit=2';
  const lines =
    '{"id":9007199254740993,"doc":{"a": [1, 12345678901234567890]}}\n{"id":4,"doc":{"a": [1, 12345678901234567890]}}\n';
  t.equal((await exported({ query, format: 'ndjson' })).text, lines);
  t.equal((await exported({ query, format: 'json' })).text, `[${lines.replace('\n', '\n,')}]`);
  t.equal((await exported({ query: 'orders?id=eq.0', format: 'json' })).text, '[]');
  t.equal((await exported({ query: 'orders?id=eq.0&select=id' })).text, 'id\n', 'a CSV without rows has its header');
});

t.test('only text and column names are escaped for spreadsheets', async (t) => {
  const query = 'orders?select=note,small,%22%3Dsum%22:total&order=small.desc&limit=1';
  t.equal((await exported({ query })).text, 'note,small,=sum\n=1+1,-2,-0.50\n');
  t.equal((await exported({ query, spreadsheet: true })).text, "note,small,'=sum\n'=1+1,-2,-0.50\n");
  const { text } = await exported({ query: 'orders?select=note&order=small.desc', spreadsheet: true });
  t.equal(text, `note\n'=1+1\n"two\nlines, ""quoted"""\n""\n\n\n`, 'null and the empty text stay apart');
});

t.test('Parquet has the types of the columns, and their exact values', async (t) => {
  const { bytes, value, file } = await exported({ query: 'orders?order=small.desc', format: 'parquet' });
  t.match(file, { content_type: 'application/vnd.apache.parquet', path: /orders\.parquet$/ });
  t.match(value, { rows: 5 });
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const schema = Object.fromEntries(
    parquetMetadata(buffer)
      .schema.slice(1)
      .map((e) => [e.name, e]),
  );
  t.match(schema, {
    id: { type: 'INT64' },
    owner: { logical_type: { type: 'STRING' } },
    total: { logical_type: { type: 'DECIMAL', precision: 12, scale: 2 } },
    rate: { logical_type: { type: 'STRING' } },
    at: { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } },
    local: { logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false } },
    day: { logical_type: { type: 'DATE' } },
    tags: { logical_type: { type: 'JSON' } },
    doc: { logical_type: { type: 'JSON' } },
    key: { logical_type: { type: 'UUID' } },
    ok: { type: 'BOOLEAN' },
    half: { type: 'DOUBLE' },
    small: { type: 'INT32' },
  });
  const rows = await parquetReadObjects({ file: buffer });
  const [binary] = await parquetReadObjects({ file: buffer, columns: ['raw'], utf8: false });
  t.equal(rows.length, 5);
  t.match(rows[0], {
    id: 9_007_199_254_740_993n,
    total: -0.5,
    rate: '0.28571428571428571429',
    note: '=1+1',
    at: new Date('2024-02-29T12:00:00.123Z'),
    day: new Date('1969-12-31'),
    tags: '["a",null,"b,\\"c"]',
    key: '123e4567-e89b-42d3-a456-426614174000',
    ok: false,
    small: -2,
  });
  t.same([...binary!.raw], [0, 255]);
  t.ok(Number.isNaN(rows[0]!.half));
  t.equal(rows[4]!.note, null);
  const empty = await exported({ query: 'orders?id=eq.0', format: 'parquet' });
  t.equal(empty.value.rows, 0);
  const none = empty.bytes.buffer.slice(empty.bytes.byteOffset, empty.bytes.byteOffset + empty.bytes.length);
  t.same(await parquetReadObjects({ file: none as ArrayBuffer }), []);
});

t.test('Parquet of many row groups has every row once', async (t) => {
  await stack.query(
    'create table public.many as select n as id, md5(n::text) as name from generate_series(1, 45000) n',
  );
  await stack.query('grant select on public.many to authenticated');
  const { bytes } = await exported({ query: 'many?order=id', format: 'parquet' });
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const rows = await parquetReadObjects({ file: buffer });
  t.equal(rows.length, 45_000);
  t.ok(
    rows.every(
      (row, n) =>
        row.id === n + 1 &&
        row.name ===
          createHash('md5')
            .update(String(n + 1))
            .digest('hex'),
    ),
  );
});

t.test('a query that is wrong, or not allowed, fails the job with the reason', async (t) => {
  await stack.query('create table public.secrets (id int)');
  const refused = async (query: string, more: object = {}) => (await exported({ query, ...more })).job;
  const failed = { state: 'failed', total: 0 };
  t.match(await refused('orders?select=nothing'), { ...failed, error: { message: /42703: .*nothing/ } });
  t.match(await refused('nowhere'), { ...failed, error: { code: 'BATCH_QUERY_REFUSED', message: /PGRST205/ } });
  t.match(await refused('secrets'), { ...failed, error: { message: /42501: permission denied/ } });
  t.match(await refused('orders?id=wrong.1'), { ...failed, error: { message: /PGRST100/ } });
  t.match(await refused('pg_class', { schema: 'pg_catalog' }), { ...failed, error: { code: 'BATCH_SCHEMA_HIDDEN' } });
  t.match(await refused('orders', { spreadsheet: true, format: 'json' }), { error: { code: 'BATCH_INVALID_SPEC' } });
  await stack.query(`insert into public.orders (id, owner, day) values (100, 'ada', 'infinity')`);
  const job = await refused('orders?id=eq.100', { format: 'parquet' });
  t.match(job, {
    state: 'failed',
    total: 1,
    error: { items: [{ code: 'BATCH_QUERY_REFUSED', message: /infinite date/ }] },
  });
});

t.test(
  'the rows come from one snapshot; another process continues with it, and starts over if it is lost',
  async (t) => {
    await stack.query('create table public.slow_base as select n as id from generate_series(1, 3000) n');
    await stack.query('create view public.slow as select id, pg_sleep(0.001)::text as nap from public.slow_base');
    await stack.query('grant select on public.slow to service_role');
    await batch.stop();
    const env = { BATCH_LEASE_MS: '1000' };
    const instances = [await stack.startBatch(env), await stack.startBatch(env)];
    const id = await stack.insertJob({ query: 'slow?select=id,nap' }, { kind: 'export' });
    const holders = () => stack.query('select worker from tidemark.job_snapshots where job_id = $1', [id]);
    await until(async () => (await holders()).length === 2, 'two holders');
    await stack.query('insert into public.slow_base select n from generate_series(3001, 3500) n');
    const runnerIs = async () => {
      const [chunk] = await stack.query(
        `select worker from tidemark.job_chunks where job_id = $1 and state = 'running'`,
        [id],
      );
      return instances.findIndex(({ log }) => log().includes(String(chunk?.worker).split('/')[0]!));
    };
    const first = instances[await runnerIs()]!;
    await first.stop('SIGKILL');
    t.match(await stack.ended(id), { state: 'succeeded', done: 1 });
    const [item] = await stack.query('select value, attempts from tidemark.job_items where job_id = $1', [id]);
    t.match({ ...item!.value }, { rows: 3_000 });
    t.notOk('restarts' in item!.value);
    await until(async () => (await holders()).length === 0, 'the snapshots to be released');

    const alone = await stack.insertJob({ query: 'slow?select=id,nap' }, { kind: 'export' });
    await until(async () => {
      const rows = await stack.query('select from tidemark.job_snapshots where job_id = $1', [alone]);
      return rows.length > 0;
    }, 'its snapshot');
    await stack.query('insert into public.slow_base values (4000)');
    await instances.find((instance) => instance !== first)!.stop('SIGKILL');
    const next = await stack.startBatch(env);
    t.match(await stack.ended(alone), { state: 'succeeded' });
    const [again] = await stack.query('select value from tidemark.job_items where job_id = $1', [alone]);
    t.match(again!.value, { rows: 3_501, restarts: 1, note: /started over/ });
    t.match(next.log(), /job\.snapshot_lost/);
  },
);
