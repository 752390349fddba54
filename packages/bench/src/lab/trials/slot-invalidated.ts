/** Both instances are paused (SIGSTOP) while more WAL is written than the server keeps for a slot, so that Postgres invalidates the slot. */
import { until } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import { equal } from '../trial.ts';

/** 160 MB of WAL that is not published. */
const BALLAST = `select pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)) from generate_series(1, 160)`;
/** 20 MB of WAL that is published. */
const FLOOD = `do $$ begin for n in 1..100 loop
  lock table accounts in share row exclusive mode;
  update accounts set balance = balance;
  commit;
end loop; end $$`;

export const slotInvalidated = liveFaultTrial({
  name: 'slot-invalidated',
  claim: 'an invalidated slot is detected and replaced: a new epoch begins, and every client receives a new snapshot',
  epochs: 1,
  postgresSettings: { max_slot_wal_keep_size: '64MB', max_wal_size: '64MB', min_wal_size: '32MB' },
  async faults(context, { stack: { primary }, instances, active, relayed }) {
    const signal = (name: NodeJS.Signals) => {
      for (const instance of instances) process.kill(instance.pid(), name);
    };
    const status = async () => {
      const [row] = await primary.query<{ status: string }>(
        `select wal_status as status from pg_replication_slots where slot_type = 'logical'`,
      );
      return row?.status ?? 'none';
    };
    signal('SIGSTOP');
    let worst = '';
    try {
      // Published changes fill the connection to the relay, so that only the kernel can end its walsender.
      if (!context.quick) await primary.query(FLOOD);
      await primary.query(BALLAST);
      await until('the slot to be lost', async () => {
        await primary.query('checkpoint');
        worst = await status();
        return worst === 'lost';
      });
    } finally {
      signal('SIGCONT');
    }
    await until('another slot', async () => !['none', 'lost'].includes(await status()));
    await active();
    await relayed();
    return [equal('final status of the slot', 'lost', worst)];
  },
});
