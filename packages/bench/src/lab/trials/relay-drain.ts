/** How fast the relay publishes what was written while it was stopped. Its speed is only meaningful on an otherwise idle machine. */
import { pause, until } from '../../measuring/waiting.ts';
import { startService } from '../../processes/services.ts';
import { atLeast, type Trial } from '../trial.ts';

const ROWS = { quick: 2_000, full: 100_000 };
/** Quick runs share the machine with other tests. */
const MIN_RATE = { quick: { rows: 200, transactions: 100 }, full: { rows: 100_000, transactions: 20_000 } };
const ENVELOPE_ROWS = 500;
const SETUP = `
create table public.readings (id bigint primary key, device int not null, value bigint not null, note text);
alter table public.readings replica identity full;
alter publication tidemark add table public.readings`;

export const relayDrain: Trial = {
  name: 'relay-drain',
  claim: 'the relay drains a backlog at 100,000 rows/s of one transaction, and 20,000 transactions/s of one row each',
  async run(context) {
    const rows = ROWS[context.mode];
    const { primary, nats } = await context.ownStack({ replica: false }, SETUP);
    const startRelay = async () => {
      const relay = context.stopAtEnd(await startService('realtime', { primaryUrl: primary.url, natsUrl: nats.url }));
      await until('the active slot', async () => {
        return (await primary.query('select from pg_replication_slots where active')).length > 0;
      });
      return relay;
    };
    /** Messages in all streams: envelopes, and two heartbeats a second. */
    const messages = async () => {
      const { streams } = await nats.request<{ streams: { state: { messages: number } }[] }>('$JS.API.STREAM.LIST');
      return streams.reduce((sum, { state }) => sum + state.messages, 0);
    };

    await (await startRelay()).stop();
    async function drain(what: string, sql: string, envelopes: number): Promise<number> {
      await primary.query(sql);
      const expected = (await messages()) + envelopes;
      const relay = await startRelay();
      const startedAt = performance.now();
      while ((await messages()) < expected) await pause(5);
      const rate = (rows / (performance.now() - startedAt)) * 1_000;
      context.log(`${what}: ${Math.round(rate)}/s`);
      await relay.stop();
      return rate;
    }
    const one = `insert into readings select i, i % 4, i, 'reading ' || i from generate_series(1, ${rows}) as i`;
    const many = `do $$ begin for i in 1..${rows} loop
      insert into readings values (-i, i % 4, i, 'reading ' || i);
      commit;
    end loop; end $$`;
    const rowRate = await drain('rows of one transaction', one, Math.ceil(rows / ENVELOPE_ROWS));
    const transactionRate = await drain('transactions of one row', many, rows);
    const min = MIN_RATE[context.mode];
    return [
      atLeast('rows of one transaction', min.rows, rowRate, '/s'),
      atLeast('transactions of one row', min.transactions, transactionRate, '/s'),
    ];
  },
};
