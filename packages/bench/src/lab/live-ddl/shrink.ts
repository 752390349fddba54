/** Finds the steps that a fault needs by running its seed with fewer and fewer of them. */
import type { Stack } from '@tidemark/local-stack';
import type { Fault } from './fault.ts';
import { type RunOptions, runSeed } from './run.ts';

/** Each run takes some seconds, and up to `catchUpMs` longer with the fault. */
const MAX_RUNS = 30;

export async function shrink(
  stack: Stack,
  options: RunOptions,
  fault: Fault,
  log: (line: string) => void,
): Promise<Fault> {
  let best = fault;
  let kept = Array.from({ length: fault.step }, (_, n) => n + 1);
  let runs = 0;
  const fails = async (keep: readonly number[]) => {
    runs += 1;
    const { faults } = await runSeed(stack, { ...options, steps: fault.step, keep: new Set(keep) });
    const again = faults.find(({ kind, table }) => kind === fault.kind && table === fault.table);
    log(`${keep.length} steps (${keep.join()}): ${again ? 'the fault' : 'no such fault'}`);
    if (again) best = again;
    return again !== undefined;
  };
  for (
    let size = Math.ceil(kept.length / 2);
    size > 0 && runs < MAX_RUNS;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < kept.length && runs < MAX_RUNS; ) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await fails(fewer)) kept = fewer;
      else at += size;
    }
  }
  return best;
}
