/**
 * Both instances stand still (SIGSTOP) while the server may keep 64 MB of WAL for a slot and more than that is written: Postgres
 * invalidates the slot under the relay.
 */

import { until } from '../../measuring/waiting.ts';
import { liveFaultTrial } from '../live-faults/live-faults.ts';
import { equal, type Trial } from '../trial.ts';

const KEEP = '64MB';
/** 160 MB of WAL that is not published. */
const BALLAST = `select pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)) from generate_series(1, 160)`;
/** 20 MB that are. */
const FLOOD = `do $$ begin for n in 1..100 loop
  lock table accounts in share row exclusive mode;
  update accounts set balance = balance;
  commit;
end loop; end $$`;

export const slotInvalidated: Trial = {
  name: 'slot-invalidated',
  claim: 'a slot that Postgres has invalidated is noticed and replaced: a new epoch, and everyone starts afresh',
  run: (context) =>
    liveFaultTrial(context, {
      epochs: 1,
      postgresSettings: { max_slot_wal_keep_size: KEEP, max_wal_size: '64MB', min_wal_size: '32MB' },
      async faults({ stack: { primary }, instances, active, relayed }) {
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
          // What is published fills the way to the relay: its walsender can then only be ended by the kernel.
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
        return [equal('what became of the slot', 'lost', worst)];
      },
    }),
};
