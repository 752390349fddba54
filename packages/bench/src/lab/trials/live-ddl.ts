/** Schema, rights, publication, roles and servers change at random, while clients follow or are disconnected. */
import { startTemporaryStack } from '@tidemark/local-stack';
import { describeFault, firstOfEachKind } from '../live-ddl/fault.ts';
import { type RunOptions, runSeed } from '../live-ddl/run.ts';
import { shrink } from '../live-ddl/shrink.ts';
import { atLeast, type Finding, type Mode, none, type Trial } from '../trial.ts';

const SEEDS = { quick: 3, full: 20 };
const RUN: Record<Mode, Pick<RunOptions, 'steps' | 'clients' | 'compareEach' | 'catchUpMs'>> = {
  quick: { steps: 24, clients: 26, compareEach: 8, catchUpMs: 15_000 },
  full: { steps: 80, clients: 52, compareEach: 8, catchUpMs: 20_000 },
};
const SHOWN = 10;

export const liveDdl: Trial = {
  name: 'live-ddl',
  claim:
    'after any changes of schema, rights, publication, roles and servers, each client holds what SELECT returns under its rights, and saw nothing else',
  limitMs: 3_600_000,
  async run(context) {
    const kind = context.mode;
    const stack = context.stopAtEnd(await startTemporaryStack({ postgresSettings: { max_prepared_transactions: 4 } }));
    const seeds = context.seed === undefined ? Array.from({ length: SEEDS[kind] }, (_, n) => n + 1) : [context.seed];
    const only = process.env.LAB_TABLES?.split(',') ?? [];
    const findings: Finding[] = [];
    for (const seed of seeds) {
      const steps = Number(process.env.LAB_STEPS ?? RUN[kind].steps);
      const hasEventTrigger = seed % 2 === 1;
      const options = { ...RUN[kind], steps, seed, only, hasEventTrigger };
      const { faults, ...did } = await runSeed(stack, options);
      context.log(`seed ${seed}, ${hasEventTrigger ? 'with' : 'without'} the event trigger: ${JSON.stringify(did)}`);
      for (const [fault, times] of firstOfEachKind(faults).slice(0, SHOWN))
        context.log(`${describeFault(seed, fault)}\n    ${times} of this kind`);
      if (process.env.LAB_SHRINK && faults[0]) {
        const fault = await shrink(
          stack,
          options,
          faults[Number(process.env.LAB_SHRINK) - 1] ?? faults[0],
          context.log,
        );
        context.log(describeFault(seed, fault));
      }
      findings.push(
        none(`seed ${seed}: faults`, faults.length),
        atLeast(`seed ${seed}: subscriptions that were resumed`, 1, did.resumes),
      );
    }
    return findings;
  },
};
