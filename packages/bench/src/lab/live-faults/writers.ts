/** What the writers of a liveFaultTrial do to the database, and when they wait. */
import { changeThings, random, TABLES, thingsTables, USERS, type User } from '@tidemark/testing/live-checker';
import postgres from 'postgres';
import { answered, pause } from '../../measuring/waiting.ts';

/** More than fit in two frames, so that a transaction over all of them comes in three; even, so that their sum stays. */
const ACCOUNTS = 1_200;
export const SUM = ACCOUNTS * 100;
/** Those who have the accounts; each sees its own alone, and what goes from one to another stays with the owner. */
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
/**
 * So much WAL that the relay has not confirmed makes the writers wait: on a machine that is busy with other things the trial is
 * about what is right, not about what is quick.
 */
const BACKLOG_BYTES = 32 * 1024 ** 2;
const BACKLOG_LOOK_MS = 250;

export interface Load {
  writing: boolean;
  /** The relay has enough to do. */
  waiting: boolean;
  written: number;
}

/** Ends with `load.writing`. @param backlog bytes of WAL that the relay has not confirmed */
export async function watchBacklog(backlog: () => Promise<number>, load: Load): Promise<void> {
  while (load.writing) {
    await pause(BACKLOG_LOOK_MS);
    // While the primary is away nobody writes anyway.
    load.waiting = (await backlog().catch(() => 0)) > BACKLOG_BYTES;
  }
}

/** Transactions of all kinds, one in `paceMs` at the most, through whatever happens to the server. */
export async function write(url: string, n: number, paceMs: number, load: Load): Promise<void> {
  const connection = { deadlock_timeout: 10 };
  const connect = () =>
    postgres(url, { max: 1, connection, connect_timeout: 5, backoff: () => 0.05, onnotice: () => {} });
  let sql = connect();
  const next = random(n + 1);
  while (load.writing) {
    if (load.waiting) {
      await pause(BACKLOG_LOOK_MS);
      continue;
    }
    const due = performance.now() + paceMs;
    const text = n % 2 === 0 ? changeThings(next, THINGS) : transfer(next);
    try {
      await answered(sql.unsafe(text).simple());
      load.written += 1;
    } catch {
      // A deadlock, or the server is away: what counts is what was committed.
      try {
        await answered(sql.unsafe('rollback'));
      } catch {
        await sql.end({ timeout: 0 });
        sql = connect();
        await pause(50);
      }
    }
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
  }
  await sql.end({ timeout: 2 }).catch(() => {});
}

/** From one account to another of the same owner; now and then half of all to the other half. The sums of the balances stay. */
function transfer(next: () => number): string {
  const account = () => 1 + Math.floor(next() * ACCOUNTS);
  const table = next() < 0.5 ? 'accounts' : 'owned_accounts';
  const step = OWNERS.length;
  if (next() < 0.003) return `update ${table} set balance = balance + (id / ${step} % 2) * 2 - 1`;
  const from = account();
  const to = ((from + step - 1) % ACCOUNTS) + 1;
  return `update ${table} set balance = balance + case id when ${from} then -1 else 1 end where id in (${from}, ${to})`;
}
