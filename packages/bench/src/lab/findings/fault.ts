/** The kinds of faults, and the system that they are injected into. */
import type { Stack } from '@tidemark/local-stack';
import type { ServerProcess } from '../../processes/server.ts';
import type { TcpLink } from '../setup/tcp-link.ts';

export interface Scene {
  readonly stack: Stack;
  readonly gateway: ServerProcess;
  readonly token: string;
  readonly natsPrefix: string;
  /** The replica streams from the primary through it. */
  readonly link: TcpLink;
  /** The realtime instance that runs now. */
  realtime(): ServerProcess;
  startRealtime(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  readonly rule: string;
  readonly culprit: RegExp;
  readonly withinMs: number;
  /** Returns what ends it where no SQL does, or cleans up after the SQL. */
  inject(scene: Scene): Promise<() => Promise<unknown>>;
  /** The SQL of the finding does not end it: there is none, or its callers begin again. */
  readonly bySql: 'primary' | 'replica' | 'no';
}

export const SECOND = 1_000;

export const SETUP = `
create table public.orders (id bigint primary key generated always as identity, customer int, note text);
insert into public.orders (customer, note) select n % 5000, repeat('x', 100) from generate_series(1, 50000) n;
create index orders_customer on public.orders (customer);
grant select, insert on public.orders to anon, authenticated;
create function public.slow_report() returns int language plpgsql as $$ begin perform pg_sleep(3); return 1; end $$;
create function public.ratio(a int, b int) returns int language sql as 'select a / b';
grant execute on function public.slow_report(), public.ratio(int, int) to anon, authenticated;
analyze public.orders;
set enable_seqscan = off;
select count(*) from public.orders where customer = 7;
reset enable_seqscan;`;
