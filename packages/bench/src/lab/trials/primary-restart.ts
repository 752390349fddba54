/** The primary is stopped with `-m immediate` under 500 requests a second, and started again, as after a crash. */
import { pause, until } from '../../measuring/waiting.ts';
import { allAnswered, ENTRIES, failures, nothingLost, startRecordedLoad, statuses } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, type Finding, type Trial } from '../trial.ts';

const PER_SECOND = { quick: 200, full: 500 };
const ROUNDS = { quick: 1, full: 5 };
const CALM_MS = { quick: 300, full: 4_000 };
const ERRORS_END_MS = 3_000;

export const primaryRestart: Trial = {
  name: 'primary-restart',
  claim: 'after a restart of the primary errors end within 3 s, and every acknowledged write exists',
  async run(context): Promise<Finding[]> {
    const { mode } = context;
    const perSecond = PER_SECOND[mode];
    const stack = await context.ownStack({}, ENTRIES);
    const { primary, replicas, nats } = stack;
    const servers = { primaryUrl: primary.url, replicaUrl: replicas[0]?.url, natsUrl: nats.url };
    const gateway = await startGateway(context, servers);
    const load = context.stopAtEnd(startRecordedLoad(gateway.url, { perSecond }));
    await until('load', () => load.acknowledged.size > perSecond / 4);
    let lastErrorMs = 0;
    for (let round = 0; round < ROUNDS[mode]; round++) {
      await primary.stop('immediate');
      await primary.start();
      const startedAt = performance.now();
      const acknowledged = load.acknowledged.size;
      await until('writes', () => load.acknowledged.size > acknowledged + perSecond / 4);
      await pause(CALM_MS[mode]);
      const late = failures(load).filter(({ at }) => at > startedAt);
      lastErrorMs = Math.max(lastErrorMs, ...late.map(({ at }) => at - startedAt));
      context.log(
        `round ${round + 1}: ${late.length} errors after the start, the last of all rounds at ${lastErrorMs} ms`,
      );
    }
    await load.stop();
    context.log(statuses(load));
    return [
      atMost('last error after the start of the primary', ERRORS_END_MS, lastErrorMs, ' ms'),
      await nothingLost(primary.url, load),
      atLeast('acknowledged rows', perSecond / 4, load.acknowledged.size),
      allAnswered(load),
      await stillRuns(gateway),
    ];
  },
};
