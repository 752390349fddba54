/** Items that do nothing, through the whole path: a job is submitted, and each item's result is recorded. */
import { atLeast, type Finding, type Trial } from '../../lab/trial.ts';
import { median } from '../../measuring/statistics.ts';
import { installPeers, type Peer, type PeerName, startPeer, startRedis } from '../peers.ts';
import { startBatchServices } from '../services.ts';

const ITEMS = { quick: 500, full: 10_000 };
const ROUNDS = { quick: 1, full: 5 };
/** Times the peer's rate. */
const TARGETS: Readonly<Record<PeerName, number>> = { bullmq: 1, 'pg-boss': 2, 'graphile-worker': 5 };
const NAMES = Object.keys(TARGETS) as PeerName[];

export const noop: Trial = {
  name: 'noop',
  claim: 'no-op items are done as fast as by BullMQ, twice as fast as by pg-boss and five times as by graphile-worker',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const services = await startBatchServices(context);
    const { url } = services.stack.primary;
    const peers = new Map<PeerName, Peer>();
    // A quick run installs nothing.
    if (!context.quick) {
      await installPeers(context.log);
      const port = await startRedis(context);
      const env = { DATABASE_URL: url, REDIS_PORT: String(port) };
      for (const name of NAMES) peers.set(name, await startPeer(context, name, env));
    }
    const ours = async (items: number) => {
      const job = await services.submit('noop', { items });
      return items / (await services.seconds(job, items));
    };
    await ours(ITEMS[mode] / 10);
    for (const peer of peers.values()) await peer.round(ITEMS[mode] / 10);
    const ratios = new Map<PeerName, number[]>(NAMES.map((name) => [name, []]));
    const rates: number[] = [];
    for (let round = 0; round < ROUNDS[mode]; round += 1) {
      const rate = await ours(ITEMS[mode]);
      rates.push(rate);
      context.log(`batch: ${rate.toFixed(0)} items/s`);
      for (const [name, peer] of peers) {
        const theirs = await peer.round(ITEMS[mode]);
        context.log(`${name}: ${theirs.toFixed(0)} items/s`);
        ratios.get(name)?.push(rate / theirs);
      }
    }
    return [
      atLeast('items a second', 1, median(rates)),
      ...[...peers.keys()].map((name) => atLeast(`times ${name}`, TARGETS[name], median(ratios.get(name) ?? []))),
    ];
  },
};
