/** Random pairs of a write and a read that asks for its tidemark, over two gateways with caches, while a replica's replay is paused at random. */
import { cachedGateways, PLACES, pause, random } from '../setup/cached-gateways.ts';
import { atLeast, equal, type Trial } from '../trial.ts';

const PAIRS = { quick: 300, full: 10_000 };

export const writeThenRead: Trial = {
  name: 'write-then-read',
  claim: 'who has written reads it, from whichever gateway, cache or replica',
  async run(context) {
    const lab = await cachedGateways(context);
    await lab.serving();
    const calm = lab.disturb(250, 700);
    const pairs = PAIRS[context.quick ? 'quick' : 'full'];
    const last: { version: number; tidemark: string }[] = [];
    const stale: string[] = [];
    let done = 0;

    async function check(place: number): Promise<void> {
      const known = last[place];
      if (!known) return;
      const { version, source } = await lab.read(`own_${place}?select=id,version`, known.tidemark);
      done += 1;
      // Another may have written since; before, nobody.
      if (version < known.version) stale.push(`own_${place} at ${version} after ${known.version} (${source})`);
    }

    // Each writes a table of its own and reads it back; then what others wrote a while ago, which may be cached by now.
    const clients = Array.from({ length: PLACES }, async (_, index) => {
      const place = index + 1;
      while (done < pairs) {
        const version = (last[place]?.version ?? 0) + 1;
        last[place] = { version, tidemark: await lab.write(place, version) };
        await check(place);
        for (let more = random(12); more > 0 && done < pairs; more -= 1) await check(1 + random(PLACES));
        if (place > 2) await pause(random(context.quick ? 100 : 500));
      }
    });
    await Promise.all(clients);
    await calm();
    const violations = lab.book.violations();
    for (const line of [...stale, ...violations].slice(0, 10)) context.log(line);
    context.log(`${done} pairs: ${JSON.stringify(Object.fromEntries(lab.book.sources))}`);
    return [
      atLeast('pairs', pairs, done),
      equal('reads that missed the write they asked for', 0, stale.length),
      equal('answers older than their tidemark', 0, violations.length),
      atLeast('reads from a cache', Math.floor(pairs / 50), lab.book.sources.get('cache') ?? 0),
    ];
  },
};
