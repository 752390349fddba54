// The sink as a process of its own, so that a test can kill it.
import { connectBus } from '@tidemark/bus';
import { openSink, parseTableNames } from '../dist/index.js';

const { NATS_URL, DATABASE_URL, CLICKHOUSE_URL, TABLES } = process.env;
const bus = await connectBus({ url: NATS_URL, name: 'sink' });
const sink = await openSink({
  bus,
  databaseUrl: DATABASE_URL,
  clickhouse: { url: CLICKHOUSE_URL },
  tables: parseTableNames(TABLES),
  publication: 'tidemark',
  flushMs: 50,
  observe: (event) => console.log(JSON.stringify(event, (_, value) => (value instanceof Error ? value.stack : value))),
});
sink.ended.catch((error) => {
  console.log(error);
  process.exit(1);
});
process.once('SIGINT', async () => {
  await sink.stop();
  await bus.close();
  process.exit(0);
});
process.send('ready');
