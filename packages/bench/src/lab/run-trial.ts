/** Runs one trial: its context, its time limit, its cleanup. */
import { migrate } from '@tidemark/db';
import { explain } from '@tidemark/service';
import { type TestDatabase, type TestStack, useTestStack } from '@tidemark/testing';
import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';
import type { Finding, Trial } from './trial.ts';

/** A trial that hangs is a finding; the longest soak takes a third of this. */
const LIMIT_MS = 900_000;
/** Quick trials are to take 6 s; the rest is for a machine on which many other tests run. */
const QUICK_LIMIT_MS = 120_000;
const CLEANUP_LIMIT_MS = 30_000;
/** The migrated template is built once by each run of the lab: a key of its own never meets another version's. */
const TEMPLATE = `lab-${process.pid}-${Date.now()}`;

export interface TrialResult {
  readonly trial: string;
  readonly claim: string;
  readonly seconds: number;
  readonly findings: readonly Finding[];
}

/** What a trial throws is a finding, too. */
export async function runTrial(
  trial: Trial,
  quick: boolean,
  print: (line: string) => void,
  seed?: number,
): Promise<TrialResult> {
  const startedAt = performance.now();
  // Who names a seed looks for something.
  const limitMs = quick && seed === undefined ? QUICK_LIMIT_MS : (trial.limitMs ?? LIMIT_MS);
  const undos: (() => Promise<void>)[] = [];
  const cleanup = (undo: () => Promise<void>) => void undos.push(undo);
  const findings: Finding[] = [];
  try {
    const context = {
      ...{ quick, seed, cleanup, stack: useTestStack, database: () => openDatabase(cleanup) },
      log: (line: string) => print(`${trial.name}: ${line}`),
    };
    findings.push(...(await within(limitMs, 'the trial', () => trial.run(context))));
  } catch (error) {
    findings.push({ what: 'the trial runs to its end', expected: 'no error', got: explain(error), ok: false });
  }
  for (const undo of undos.reverse()) {
    try {
      await within(CLEANUP_LIMIT_MS, 'the cleanup', undo);
    } catch (error) {
      findings.push({ what: 'nothing is left behind', expected: 'no error', got: explain(error), ok: false });
    }
  }
  if (findings.length === 0)
    findings.push({ what: 'something was looked at', expected: 'a finding', got: '', ok: false });
  return { trial: trial.name, claim: trial.claim, seconds: (performance.now() - startedAt) / 1_000, findings };
}

async function openDatabase(cleanup: (undo: () => Promise<void>) => void): Promise<TestDatabase> {
  const stack: TestStack = await useTestStack();
  await stack.template(TEMPLATE, async (url) => void (await migrate(url)));
  const database = await stack.database({ template: TEMPLATE });
  cleanup(() => database.drop());
  return database;
}

function within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
  return pTimeout(work(), { milliseconds: ms, message: errors.TRIAL_OVERRAN({ what, seconds: ms / 1_000 }) });
}
