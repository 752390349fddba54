/** Hostile texts must not fill the memory of Postgres: what is prepared is bounded in bytes, on every kind of connection. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import { PreparedBudget, preparedCost } from '../../src/connection/prepared-budget.ts';
import { RecentTexts } from '../../src/connection/recent-texts.ts';
import { PipelineStatements } from '../../src/pipeline/prepared-statements.ts';
import { PoolMeter } from '../../src/pool/meter.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const MIB = 1024 ** 2;
const MEMORY = `select pg_backend_pid() as pid, coalesce(sum(total_bytes) filter (where name ~ '^CachedPlan'), 0)::float8 as bytes,
  count(*) filter (where name = 'CachedPlanSource')::int as statements from pg_backend_memory_contexts`;
/** Returns what the gateway plans for a request with many embeds. Each attempt has other aliases. */
const hostile = (attempt: number, embeds: number) =>
  `select ${Array.from({ length: embeds }, (_, n) => `(select count(*) from notes a${attempt}_${n} where a${attempt}_${n}.owner = $1) as c${attempt}_${n}`).join(', ')}`;

t.test('does not prepare texts that occur once, whatever their number', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, preparedBytes: 4 * MIB } } });
  const memory = async () => (await db.pools.write.query(MEMORY))[0] as { pid: number; bytes: number };
  const residentBytes = async (pid: number) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
  for (let warm = 0; warm < 3; warm++) await memory();
  const before = await memory();
  const rssBefore = await residentBytes(before.pid);
  for (let attempt = 0; attempt < 60; attempt++) {
    await db.read({ identity: as('a'), statement: { text: hostile(attempt, 40), params: ['a'] } });
  }
  const after = await memory();
  t.equal(after.pid, before.pid, 'the connection was not replaced');
  t.ok(after.bytes - before.bytes < MIB, `its statements grew by ${after.bytes - before.bytes} bytes`);
  const grown = (await residentBytes(after.pid)) - rssBefore;
  t.ok(grown < 24 * MIB, `its process grew by ${grown} bytes`);
});

t.test('prepares repeated texts within the budget, and replaces a full connection', async (t) => {
  const preparedBytes = 4 * MIB;
  const { db, events } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, preparedBytes } } });
  const backends = new Set<number>();
  let most = 0;
  for (let attempt = 0; attempt < 40; attempt++) {
    const statement = { text: hostile(attempt, 15), params: ['a'] };
    // After five runs Postgres keeps a plan as well.
    for (let run = 0; run < 8; run++) await db.read({ identity: as('a'), statement });
    const [row] = await db.pools.write.query<{ pid: number; bytes: number }>(MEMORY);
    backends.add(row!.pid);
    most = Math.max(most, row!.bytes);
  }
  const { preparedBytes: held, replacedTotal } = db.pools.write.stats();
  t.ok(most > MIB / 2, 'they were prepared');
  t.ok(most < 1.5 * preparedBytes, `no backend had more than ${most} bytes of statements`);
  t.ok(
    backends.size > 1 && replacedTotal! >= backends.size - 1,
    `${backends.size} backends, ${replacedTotal} replaced`,
  );
  t.ok(held! > 0 && held! <= preparedBytes, `the gauge says ${held}`);
  t.notOk(
    events.some(({ type }) => type === 'db.connection_lost'),
    'a replacement is not reported as a fault',
  );
  const huge = { text: hostile(1_000, 150), params: ['a'] };
  for (let run = 0; run < 3; run++) await db.read({ identity: as('a'), statement: huge });
  const [row] = await db.pools.write.query<{ bytes: number }>(MEMORY);
  t.ok(row!.bytes < preparedBytes, 'one that would take most of the budget is never prepared');
});

t.test('asks the backend for the memory of views, which their text does not show', async (t) => {
  const preparedBytes = 4 * MIB;
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, preparedBytes } } });
  let most = 0;
  for (let attempt = 0; attempt < 40; attempt++) {
    const columns = Array.from(
      { length: 4 },
      (_, n) => `(select count(*) from information_schema.columns v${attempt}_${n} where table_name = $1)`,
    );
    for (let run = 0; run < 2; run++) await db.pools.write.query(`select ${columns.join(', ')}`, ['none']);
    const [row] = await db.pools.write.query<{ bytes: number }>(MEMORY);
    most = Math.max(most, row!.bytes);
  }
  t.ok(most < 3 * preparedBytes, `without it, 40 of them take over 30 MB; now ${most} at the most`);
  t.ok(db.pools.write.stats().replacedTotal! > 0);
});

t.test('transactions and pipelines prepare within the budget, too', async (t) => {
  const preparedBytes = 2 * MIB;
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 1, preparedBytes } } });
  const bytes = await db.pools.write.transaction(
    async (tx) => {
      for (let attempt = 0; attempt < 60; attempt++) {
        for (let run = 0; run < 2; run++) await tx.query(hostile(attempt, 10), ['a']);
      }
      return (await tx.query<{ bytes: number }>(MEMORY))[0]!.bytes;
    },
    { isolation: 'repeatable read' },
  );
  t.ok(bytes < preparedBytes, `${bytes} bytes in one transaction`);
  for await (const { rows } of db.streams.rowsInBatches({
    identity: as('a'),
    statement: { text: 'select n from generate_series(1, 5000) n' },
  })) {
    t.ok(rows.length > 0);
  }
});

t.test('a pipeline closes the least recently used statement', async (t) => {
  const preparedBytes = MIB;
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 4, preparedBytes } } });
  const { admin, write } = db.pools;
  await admin.query('grant select on pg_backend_memory_contexts to authenticated');
  await admin.query('grant execute on function pg_get_backend_memory_contexts() to authenticated');
  const read = async (text: string, params: string[]) =>
    (
      await db.read<{ said: string; bytes: number; statements: number }>({
        identity: as('a'),
        statement: { text, params },
      })
    ).rows[0]!;
  const memory = `select '' as said, sum(total_bytes)::float8 as bytes, (select count(*)::int from pg_prepared_statements where name like 'pipeline%') as statements
    from pg_backend_memory_contexts where name ~ '^CachedPlan'`;
  let wrong = 0;
  let pipelined = { said: '', bytes: 0, statements: 0 };
  // Only statements that prove short take a pipeline, which on a busy machine takes more of them.
  const isEvicting = () => write.stats().evictedTotal! > 0;
  for (let attempt = 0; attempt < 60 || (!isEvicting() && attempt < 1_000); attempt++) {
    const text = `select $1::text || ' ${attempt}' as said, ${Array.from({ length: 12 }, (_, n) => `'${attempt} ${n}' as c${n}`).join(', ')}`;
    for (let run = 0; run < 24; run++) if ((await read(text, ['ada'])).said !== `ada ${attempt}`) wrong++;
    const held = await read(memory, []);
    if (held.statements > pipelined.statements) pipelined = held;
  }
  t.equal(wrong, 0);
  const stats = write.stats();
  t.ok(stats.evictedTotal! > 0, `${stats.evictedTotal} were closed`);
  t.ok(pipelined.statements > 1, 'the statement that asks rode on the pipeline');
  t.ok(pipelined.statements < 50, `${pipelined.statements} prepared at a time`);
  t.ok(pipelined.bytes < 3 * preparedBytes, `${pipelined.bytes} bytes`);
});

t.test('the budget never exceeds its limit, and a pipeline closes each dropped statement once', (t) => {
  const run = fc.record({ role: fc.constantFrom('anon', 'authenticated'), text: fc.integer({ min: 0, max: 40 }) });
  const holds = fc.property(fc.array(run, { maxLength: 200 }), (runs) => {
    const budget = new PreparedBudget(MIB);
    const statements = new PipelineStatements(budget, new PoolMeter());
    const open = new Set<string>();
    for (const { role, text } of runs) {
      const prepared = statements.of(role, `select ${'x'.repeat(text * 40)}`);
      for (let name = statements.nextToClose(); name !== undefined; name = statements.nextToClose()) {
        if (!open.delete(name)) return false;
      }
      if (prepared.name !== '') {
        open.add(prepared.name);
        prepared.state = 'ready';
      }
      if (budget.bytes > budget.limit) return false;
    }
    return open.size * preparedCost('') <= budget.limit;
  });
  t.doesNotThrow(() => fc.assert(holds));
  t.end();
});

t.test('recognises a text among some thousand others', (t) => {
  const recent = new RecentTexts();
  t.equal(recent.repeats('select 1'), false);
  t.equal(recent.repeats('select 1'), true);
  let known = 0;
  for (let i = 0; i < 2_000; i++) recent.repeats(`select ${i} from a`);
  for (let i = 0; i < 2_000; i++) if (recent.repeats(`select ${i} from a`)) known += 1;
  t.ok(known > 1_200, `${known} of 2,000`);
  t.end();
});
