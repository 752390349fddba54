/** The primary is stopped with `-m immediate` under 500 requests a second, and started again: a crash of its processes. */

import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { createEntries, failures, missingEntries, startRecordedLoad, statuses, until } from '../load/recorded-load.ts';
import { startGateway, stillRuns } from '../setup/gateway.ts';
import { atLeast, atMost, equal, type Finding, type Trial } from '../trial.ts';

const PER_SECOND = { quick: 200, full: 500 };
const ROUNDS = { quick: 1, full: 5 };
const CALM_MS = { quick: 300, full: 4_000 };
const ERRORS_END_MS = 3_000;

export const primaryRestart: Trial = {
  name: 'primary-restart',
  claim: 'after a restart of the primary errors end within 3 s, and every acknowledged write is there',
  async run(context): Promise<Finding[]> {
    const { quick, log, cleanup } = context;
    const mode = quick ? 'quick' : 'full';
    const stack = await startTemporaryStack();
    cleanup(() => stack.stop());
    await migrate(stack.primary.url);
    await createEntries(stack.primary.url);
    await stack.replicas[0]!.caughtUp();
    const place = { primaryUrl: stack.primary.url, replicaUrl: stack.replicas[0]!.url, natsUrl: stack.nats.url };
    const gateway = await startGateway(context, place);
    const load = startRecordedLoad(gateway.url, { perSecond: PER_SECOND[mode] });
    cleanup(() => load.stop());
    await until('load', () => load.acknowledged.size > PER_SECOND[mode] / 4);
    let lastErrorMs = 0;
    for (let round = 0; round < ROUNDS[mode]; round++) {
      await stack.primary.stop('immediate');
      await stack.primary.start();
      const acceptsAt = performance.now();
      const acknowledged = load.acknowledged.size;
      await until('writes', () => load.acknowledged.size > acknowledged + PER_SECOND[mode] / 4);
      await new Promise((resolve) => setTimeout(resolve, CALM_MS[mode]));
      const late = failures(load.answers).filter(({ at }) => at > acceptsAt);
      lastErrorMs = Math.max(lastErrorMs, ...late.map(({ at }) => at - acceptsAt));
      log(
        `round ${round + 1}: ${late.length} errors after it accepted, the last ${(late.at(-1)?.at ?? acceptsAt) - acceptsAt} ms`,
      );
    }
    await load.stop();
    log(statuses(load.answers));
    return [
      atMost('last error after the primary accepts', ERRORS_END_MS, lastErrorMs, ' ms'),
      equal(
        `acknowledged rows (of ${load.acknowledged.size}) that are missing`,
        0,
        await missingEntries(stack.primary.url, load.acknowledged),
      ),
      atLeast('rows acknowledged', PER_SECOND[mode] / 4, load.acknowledged.size),
      equal(
        'requests that broke off without an answer',
        0,
        failures(load.answers).filter(({ status }) => status === 0).length,
      ),
      await stillRuns(gateway),
    ];
  },
};
