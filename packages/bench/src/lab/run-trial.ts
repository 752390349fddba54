import { migrate, runScript } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { explain } from '@tidemark/service';
import { useTestStack } from '@tidemark/testing';
import { withDeadline } from '../measuring/waiting.ts';
import type { Finding, Trial, TrialContext, TrialOptions } from './trial.ts';

/** The longest trial takes a third of this. */
const LIMIT_MS = 900_000;
/** A quick trial takes some seconds; the rest is for a machine that runs other tests. */
const QUICK_LIMIT_MS = 120_000;
const CLEANUP_LIMIT_MS = 30_000;
/** Each run of the lab builds its own migrated template, which never meets that of another version. */
const TEMPLATE = `lab-${process.pid}-${Date.now()}`;

export interface TrialResult {
  readonly trial: string;
  readonly claim: string;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

/** An error of the trial, or of its cleanup, becomes a finding. */
export async function runTrial(
  trial: Trial,
  options: TrialOptions,
  print: (line: string) => void,
): Promise<TrialResult> {
  const startedAt = performance.now();
  const { quick, seed } = options;
  // A run with a seed looks for a fault, and may take longer.
  const limitMs = quick && seed === undefined ? QUICK_LIMIT_MS : (trial.limitMs ?? LIMIT_MS);
  const undos: (() => Promise<void>)[] = [];
  const context = contextOf(options, undos, (line) => print(`${trial.name}: ${line}`));
  const findings: Finding[] = [];
  try {
    findings.push(...(await withDeadline(limitMs, 'the trial', trial.run(context))));
  } catch (error) {
    findings.push({ what: 'the trial runs to its end', expected: 'no error', got: explain(error), ok: false });
  }
  for (const undo of undos.reverse()) {
    try {
      await withDeadline(CLEANUP_LIMIT_MS, 'the cleanup', undo());
    } catch (error) {
      findings.push({ what: 'the cleanup', expected: 'no error', got: explain(error), ok: false });
    }
  }
  if (findings.length === 0) {
    findings.push({ what: 'the trial checks something', expected: 'a finding', got: '', ok: false });
  }
  return { trial: trial.name, claim: trial.claim, seconds: (performance.now() - startedAt) / 1_000, findings };
}

function contextOf(
  { quick, seed, only }: TrialOptions,
  undos: (() => Promise<void>)[],
  log: (line: string) => void,
): TrialContext {
  const stopAtEnd: TrialContext['stopAtEnd'] = (resource) => {
    undos.push(() => resource.stop());
    return resource;
  };
  return {
    quick,
    mode: quick ? 'quick' : 'full',
    seed,
    only,
    log,
    cleanup: (undo) => void undos.push(undo),
    stopAtEnd,
    async ownStack(options, sql) {
      const stack = stopAtEnd(await startTemporaryStack(options));
      await migrate(stack.primary.url);
      if (sql !== undefined) await runScript(stack.primary.url, sql);
      await stack.replicas[0]?.caughtUp();
      return stack;
    },
    async database(sql) {
      const stack = await useTestStack();
      await stack.template(TEMPLATE, async (url) => void (await migrate(url)));
      const { primaryUrl, replicaUrl, drop } = await stack.database({ template: TEMPLATE });
      undos.push(drop);
      if (sql !== undefined) await runScript(primaryUrl, sql);
      return { primaryUrl, replicaUrl, natsUrl: stack.natsUrl };
    },
  };
}
