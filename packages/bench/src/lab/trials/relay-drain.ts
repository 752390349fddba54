/** How quickly the relay works off what was written while it was away. The readMetrics count on a machine that does nothing else. */
import { fileURLToPath } from 'node:url';
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { pause, until } from '../../measuring/waiting.ts';
import { startServer } from '../../processes/server.ts';
import { atLeast, type Trial } from '../trial.ts';

const ROWS = { quick: 2_000, full: 100_000 };
/** Rows, and transactions, each second; quick runs share the machine with everything else. */
const LEAST = { quick: { rows: 200, transactions: 100 }, full: { rows: 100_000, transactions: 20_000 } };
const SETUP = `
create table public.readings (id bigint primary key, device int not null, value bigint not null, note text);
alter table public.readings replica identity full;
alter publication tidemark add table public.readings`;

export const relayDrain: Trial = {
  name: 'relay-drain',
  claim: 'a backlog is worked off at 100,000 rows/s of one transaction, and 20,000 transactions/s of one row each',
  async run({ quick, cleanup, log }) {
    const kind = quick ? 'quick' : 'full';
    const rows = ROWS[kind];
    const stack = await startTemporaryStack({ replica: false });
    cleanup(() => stack.stop());
    const { primary, nats } = stack;
    await migrate(primary.url);
    await primary.query(SETUP);
    const slots = (condition: string) => primary.query(`select from pg_replication_slots where ${condition}`);
    const start = () =>
      startServer('realtime', fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), {
        PORT: '0',
        LOG_LEVEL: 'error',
        DATABASE_URL: primary.url,
        NATS_URL: nats.url,
        JWT_SECRET: 'a secret of thirty-two characters',
      });
    /** In all streams; besides envelopes there are two heartbeats a second. */
    const messages = async () => {
      const { streams } = await nats.request<{ streams: { state: { messages: number } }[] }>('$JS.API.STREAM.LIST');
      return streams.reduce((sum, { state }) => sum + state.messages, 0);
    };

    const first = await start();
    await until('the slot', async () => (await slots('active')).length > 0);
    await first.stop();
    async function drain(what: string, sql: string, envelopes: number): Promise<number> {
      await primary.query(sql);
      const wanted = (await messages()) + envelopes;
      const relay = await start();
      cleanup(() => relay.stop());
      await until('the relay', async () => (await slots('active')).length > 0);
      const startedAt = performance.now();
      while ((await messages()) < wanted) await pause(5);
      const rate = (rows / (performance.now() - startedAt)) * 1_000;
      log(`${what}: ${Math.round(rate)}/s`);
      await relay.stop();
      return rate;
    }
    const one = `insert into readings select i, i % 4, i, 'reading ' || i from generate_series(1, ${rows}) as i`;
    const many = `do $$ begin for i in 1..${rows} loop
      insert into readings values (-i, i % 4, i, 'reading ' || i);
      commit;
    end loop; end $$`;
    const ofOne = await drain('rows of one transaction', one, Math.ceil(rows / 500));
    const single = await drain('transactions of one row', many, rows);
    return [
      atLeast('rows of one transaction', LEAST[kind].rows, ofOne, '/s'),
      atLeast('transactions of one row', LEAST[kind].transactions, single, '/s'),
    ];
  },
};
