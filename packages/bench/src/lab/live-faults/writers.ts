import { changeThings, random, TABLES, thingsTables, USERS, type User } from '@tidemark/testing/live-checker';
import postgres from 'postgres';
import { answered, pause } from '../../measuring/waiting.ts';

/** A transaction over all accounts needs three frames. The number is even, so that transfers between halves keep the sum. */
const ACCOUNTS = 1_200;
export const SUM = ACCOUNTS * 100;
/** Each owner sees only its own accounts; transfers stay with one owner. */
export const OWNERS: readonly User[] = USERS.slice(0, 4);
export const OWNED_SUM = SUM / OWNERS.length;
const owner = `'user ' || id % ${OWNERS.length}`;
export const SETUP = `${thingsTables('full')}
create table public.accounts (id int primary key, balance bigint not null);
insert into public.accounts select id, 100 from generate_series(1, ${ACCOUNTS}) as id;
alter table public.accounts replica identity full;
grant select on public.accounts to anon;
create table public.owned_accounts (id int primary key, owner text not null, balance bigint not null);
insert into public.owned_accounts select id, ${owner}, 100 from generate_series(1, ${ACCOUNTS}) as id;
alter table public.owned_accounts replica identity full;
alter table public.owned_accounts enable row level security;
create policy own on public.owned_accounts for select to authenticated using (owner = public.claim('sub'));
grant select on public.owned_accounts to authenticated;
alter publication tidemark add table public.accounts, public.owned_accounts;`;
const THINGS = TABLES.map(({ name }) => name);
/** Unconfirmed WAL above which the writers wait, so that a slow machine does not turn the trial into one of speed. */
const MAX_BACKLOG_BYTES = 32 * 1024 ** 2;
const BACKLOG_POLL_MS = 250;

export interface Load {
  writing: boolean;
  waiting: boolean;
  written: number;
}

export async function watchBacklog(backlog: () => Promise<number>, load: Load): Promise<void> {
  while (load.writing) {
    await pause(BACKLOG_POLL_MS);
    // While the primary is down, nobody writes.
    load.waiting = (await backlog().catch(() => 0)) > MAX_BACKLOG_BYTES;
  }
}

/** Continues after lost connections. */
export async function write(url: string, n: number, paceMs: number, load: Load): Promise<void> {
  const connection = { deadlock_timeout: 10 };
  const connect = () =>
    postgres(url, { max: 1, connection, connect_timeout: 5, backoff: () => 0.05, onnotice: () => {} });
  let sql = connect();
  const next = random(n + 1);
  while (load.writing) {
    if (load.waiting) {
      await pause(BACKLOG_POLL_MS);
      continue;
    }
    const due = performance.now() + paceMs;
    const text = n % 2 === 0 ? changeThings(next, THINGS) : transfer(next);
    try {
      await answered(sql.unsafe(text).simple());
      load.written += 1;
    } catch {
      // A deadlock or a stopped server: clients are compared with what was committed.
      try {
        await answered(sql.unsafe('rollback'));
      } catch {
        await sql.end({ timeout: 0 });
        sql = connect();
        await pause(50);
      }
    }
    await pause(Math.max(0, due - performance.now()));
  }
  await sql.end({ timeout: 2 }).catch(() => {});
}

/** Both accounts have one owner; rarely half of all accounts transfer to the other half. */
function transfer(next: () => number): string {
  const table = next() < 0.5 ? 'accounts' : 'owned_accounts';
  const step = OWNERS.length;
  if (next() < 0.003) return `update ${table} set balance = balance + (id / ${step} % 2) * 2 - 1`;
  const from = 1 + Math.floor(next() * ACCOUNTS);
  const to = ((from + step - 1) % ACCOUNTS) + 1;
  return `update ${table} set balance = balance + case id when ${from} then -1 else 1 end where id in (${from}, ${to})`;
}
