/** What the writers of a chase do to the database, and when they wait. */
import { changeThings, random, thingsTable } from '@tidemark/realtime/checker';
import postgres from 'postgres';
import { pause } from './until.ts';

/** More than fit in two frames, so that a transaction over all of them comes in three; even, so that their sum stays. */
const ACCOUNTS = 1_200;
export const SUM = ACCOUNTS * 100;
export const SETUP = `${thingsTable('full')}
create table public.accounts (id int primary key, balance bigint not null);
insert into public.accounts select id, 100 from generate_series(1, ${ACCOUNTS}) as id;
alter table public.accounts replica identity full;
grant select on public.accounts to anon;
alter publication tidemark add table public.accounts;`;
export const WRITERS = 4;
/** Each writer's pace: together at most 2,000 transactions a second; quick ones, beside other tests, 400. */
const WRITER_MS = { quick: 10, full: 2 };
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

/** Transactions of all kinds, at its pace, through whatever happens to the server. */
export async function write(url: string, n: number, load: Load, pace: keyof typeof WRITER_MS): Promise<void> {
  const connection = { deadlock_timeout: 10 };
  const sql = postgres(url, { max: 1, connection, connect_timeout: 5, backoff: () => 0.05, onnotice: () => {} });
  const next = random(n + 1);
  while (load.writing) {
    if (load.waiting) {
      await pause(BACKLOG_LOOK_MS);
      continue;
    }
    const due = performance.now() + WRITER_MS[pace];
    const text = n % 2 === 0 ? changeThings(next) : transfer(next);
    try {
      await sql.unsafe(text).simple();
      load.written += 1;
    } catch {
      // A deadlock, or the server is away: what counts is what was committed.
      await sql.unsafe('rollback').catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
    }
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
  }
  await sql.end({ timeout: 2 }).catch(() => {});
}

/** From one account to another; now and then half of all to the other half. The sum of the balances stays. */
function transfer(next: () => number): string {
  const account = () => 1 + Math.floor(next() * ACCOUNTS);
  if (next() < 0.003) return `update accounts set balance = balance + (id % 2) * 2 - 1`;
  const from = account();
  const to = (from % ACCOUNTS) + 1;
  return `update accounts set balance = balance + case id when ${from} then -1 else 1 end where id in (${from}, ${to})`;
}
