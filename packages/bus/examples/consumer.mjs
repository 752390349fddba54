// Follows every change of the database. CONSUMERS.md says which NATS_URL it needs.
import { connectBus, followChanges } from '@tidemark/bus';

const { NATS_URL: url, NATS_PREFIX: prefix, LOOKBACK_MS = 60_000 } = process.env;
const bus = await connectBus({ url, prefix, name: 'consumer', inboxPrefix: '_INBOX.consumer' });
let done = new Set(); // A message may come again, and its id does not change.
const follower = followChanges(
  bus,
  {
    onEnvelope({ id, epoch, lsn, bytes }) {
      if (done.has(id)) return;
      done = new Set([...done, id].slice(-10_000));
      const { schema, table, changes } = JSON.parse(Buffer.from(bytes).toString());
      for (const { type, row, old } of changes) console.log(epoch, lsn, `${schema}.${table}`, type, row ?? old);
    },
    onBreak: (reason) => console.log('read the tables again:', reason), // There is a gap, or another epoch.
  },
  { lookbackMs: Number(LOOKBACK_MS) },
);
process.once('SIGINT', () => follower.stop().then(() => bus.close()));
