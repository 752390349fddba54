import { withConnection } from '@tidemark/db';

export interface LeaveSlot {
  url: string;
  slot: string;
  /** The command line has --drop-slot. */
  drop: boolean;
  report(line: string): void;
}

/** The slot in your own database keeps WAL while nothing runs, so that live queries resume without a gap. */
export async function leaveSlot({ url, slot, drop, report }: LeaveSlot): Promise<void> {
  await withConnection(url, 'stop', async (query) => {
    const [found] = await query<{ most: string; isActive: boolean }>(
      `select active as "isActive", case current_setting('max_slot_wal_keep_size') when '-1' then 'nothing on this server'
         else 'max_slot_wal_keep_size = ' || current_setting('max_slot_wal_keep_size') end as most
       from pg_replication_slots where slot_name = $1 and database = current_database()`,
      [slot],
    );
    if (!found || found.isActive) return;
    if (drop) {
      await query('select pg_drop_replication_slot($1)', [slot]);
      report(`the replication slot "${slot}" is dropped; live clients start again with a snapshot`);
      return;
    }
    report(`the replication slot "${slot}" keeps WAL in your database until the next start; ${found.most} bounds it`);
    report('  To drop it as well, start with --drop-slot, or run: npx --no -- tidemark remove');
  });
}
