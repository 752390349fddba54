/** Random pairs of a write and a read with its tidemark, over two gateways with caches, while replay on the replica pauses at random. */
import { pause } from '../../measuring/waiting.ts';
import { cachedGateways, PLACES, random } from '../setup/cached-gateways.ts';
import { atLeast, none, type Trial } from '../trial.ts';

const PAIRS = { quick: 300, full: 10_000 };

export const writeThenRead: Trial = {
  name: 'write-then-read',
  claim: 'a client reads its own write from any gateway, cache or replica',
  async run(context) {
    const gateways = await cachedGateways(context);
    await gateways.serving();
    const disturbing = gateways.disturbReplay(250, 700);
    const pairs = PAIRS[context.mode];
    const last: { version: number; tidemark: string }[] = [];
    const stale: string[] = [];
    let done = 0;

    async function check(place: number): Promise<void> {
      const known = last[place];
      if (!known) return;
      const { version, source } = await gateways.read(`own_${place}?select=id,version`, known.tidemark);
      done += 1;
      if (version < known.version) stale.push(`own_${place} at ${version} after ${known.version} (${source})`);
    }

    // Each client writes its own table and reads it back, then reads older writes of others, which caches may hold.
    const clients = Array.from({ length: PLACES }, async (_, index) => {
      const place = index + 1;
      while (done < pairs) {
        const version = (last[place]?.version ?? 0) + 1;
        last[place] = { version, tidemark: await gateways.write(place, version) };
        await check(place);
        for (let more = random(12); more > 0 && done < pairs; more -= 1) await check(1 + random(PLACES));
        if (place > 2) await pause(random(context.quick ? 100 : 500));
      }
    });
    await Promise.all(clients);
    await disturbing.stop();
    const { sources } = gateways.history;
    const violations = gateways.history.violations();
    for (const line of [...stale, ...violations].slice(0, 10)) context.log(line);
    context.log(`${done} pairs: ${JSON.stringify(Object.fromEntries(sources))}`);
    return [
      atLeast('pairs', pairs, done),
      none('reads that missed the write they asked for', stale.length),
      none('responses older than their tidemark', violations.length),
      atLeast('reads from a cache', Math.floor(pairs / 50), sources.get('cache') ?? 0),
    ];
  },
};
