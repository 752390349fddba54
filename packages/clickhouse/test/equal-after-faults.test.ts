/** ClickHouse equals Postgres after random writes, while the sink, NATS, the relay and ClickHouse itself are killed. */
import t from 'tap';
import { type Backend, type RunningProcess, startBackend, untilEqual } from './backend.ts';

const TABLES = `
create table public.account (id int primary key, owner text, amount numeric(20, 2) not null default 0, note text, seen int not null default 0);
create table public.entry (account int, n int, body text, at timestamptz not null default now(), primary key (account, n));
alter table public.account alter note set storage external;
alter publication tidemark add table public.account, public.entry;`;
const ROUNDS = 120;
const KEYS = 60;
/** A fault every tenth round. */
const FAULT_EVERY = 10;

/** The same numbers on each machine (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomFrom>;

function write(random: Random): string {
  const key = random(KEYS);
  const writes = [
    `insert into account (id, owner, amount, note) values (${key}, 'o${random(9)}', ${random(1_000)}.5, repeat('n', ${random(4_000)}))
       on conflict (id) do update set amount = excluded.amount, owner = excluded.owner`,
    `update account set seen = seen + 1 where id <= ${key}`,
    `update account set id = ${KEYS + key} where id = ${key} and not exists (select from account where id = ${KEYS + key})`,
    `delete from account where id = ${key}`,
    `insert into entry select ${key}, n, 'b' || n, '2026-01-01'::timestamptz + n * interval '1 second' from generate_series(1, ${50 + random(1_500)}) n
       on conflict do nothing`,
    `update entry set body = null where n % ${2 + random(7)} = 0`,
    `delete from entry where account = ${key}`,
    // One transaction changes a row in several envelopes.
    `do $$ begin for i in 1..3 loop update entry set body = 'turn ' || i where account <= ${key}; end loop; end $$`,
    'savepoint a; delete from account; rollback to a',
  ];
  if (random(40) === 0) return 'truncate entry';
  return writes[random(writes.length)] as string;
}

const ACCOUNTS = 'select id, owner, amount, length(note) as note, seen';
const equal = async (backend: Backend, what: string) => {
  await untilEqual(
    backend,
    `select concat_ws('|', id, coalesce(owner, '-'), amount, coalesce(length(note)::text, '-'), seen) as row from (${ACCOUNTS}, note as long from account) a (id, owner, amount, n, seen, note)`,
    `select arrayStringConcat([toString(id), ifNull(owner, '-'), toString(assumeNotNull(amount)), ifNull(toString(length(note)), '-'), toString(assumeNotNull(seen))], '|') as row from public.account`,
    `${what}: account`,
  );
  await untilEqual(
    backend,
    `select concat_ws('|', account, n, coalesce(body, '-'), to_json(at at time zone 'UTC') #>> '{}') as row from entry`,
    `select arrayStringConcat([toString(account), toString(n), ifNull(body, '-'), replaceOne(assumeNotNull(at), '+00:00', '')], '|') as row from public.entry`,
    `${what}: entry`,
  );
};

t.test('random writes with faults leave equal tables, without loss or double', { timeout: 170_000 }, async (t) => {
  const started = await startBackend(t, TABLES);
  if (typeof started === 'string') return void t.pass('with ClickHouse', { skip: started });
  const backend = started;
  const { sql, stack, clickhouse } = backend;
  const random = randomFrom(Number(process.env.SEED ?? 1));
  await sql.unsafe("insert into account select n, 'first', n, repeat('n', 3000) from generate_series(1, 40) n");
  const start = () => backend.startSink('public.account,public.entry');
  let sink: RunningProcess = await start();
  const faults = [
    async () => {
      await sink.kill();
      sink = await start();
    },
    async () => {
      await stack.nats.stop();
      await stack.nats.start();
    },
    async () => {
      await clickhouse.kill();
      await clickhouse.start();
    },
    async () => {
      await sink.kill('SIGINT');
      sink = await start();
    },
  ];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const statements = Array.from({ length: 1 + random(4) }, () => write(random));
    await sql.begin((tx) => tx.unsafe(statements.join(';\n')));
    if (round % FAULT_EVERY === 0) await faults[(round / FAULT_EVERY) % faults.length]?.();
  }
  await equal(backend, 'after the faults');
  const [counts] = await clickhouse.query<{ rows: string; keys: string }>(
    'select count() as rows, uniqExact(account, n) as keys from public.entry format JSONEachRow',
  );
  t.equal(counts?.rows, counts?.keys, 'no key is there twice');
  t.notMatch(sink.lines.join('\n'), /CLICKHOUSE_(?!STOPPED)/, 'the sink had no error of its own');
});
