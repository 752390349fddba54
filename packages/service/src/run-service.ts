import { setFlagsFromString } from 'node:v8';
import { redact, TidemarkError } from '@tidemark/contracts';
import pTimeout from 'p-timeout';
import { isExhausted } from './exhausted.ts';
import { restrictProcess } from './process-user.ts';

export type PhaseName =
  | 'refuse new work'
  | 'finish requests'
  | 'stop telemetry'
  | 'stop background work'
  | 'disconnect';

export interface Phase {
  name: PhaseName;
  timeoutMs: number;
  run(): Promise<void> | void;
}

export interface RunningService {
  url: string;
  /** A phase that fails or exceeds its time limit is reported, and the next one runs. */
  phases: readonly Phase[];
}

export interface ServiceDefinition {
  name: string;
  start(env: NodeJS.ProcessEnv): Promise<RunningService>;
}

/** The messages between a service and the process that forked it. */
export type ParentMessage = { type: 'stop' };
export type ChildMessage = { type: 'ready'; url: string } | { type: 'failed'; message: string };

/** Exit code after invalid configuration, or when Postgres or NATS cannot be reached. */
const EXIT_FAILED_TO_START = 1;
const EXIT_UNCLEAN_STOP = 2;
const EXIT_CRASHED = 70;

/**
 * Pretenuring placed short-lived objects in the old generation: in every second process under load, half of the bytes
 * survived each minor collection, which took four times as long (packages/bench, `read`).
 */
setFlagsFromString('--no-allocation-site-pretenuring');

export async function runService(definition: ServiceDefinition): Promise<void> {
  const { name } = definition;
  let running: RunningService | undefined;
  let stopping: Promise<void> | undefined;

  async function stop(reason: string): Promise<void> {
    if (!running) {
      // No request has been accepted yet, so no phase has to run.
      process.exit(0);
    }
    stopping ??= (async () => {
      const clean = await runPhases(running.phases, (problem) => report(name, `${problem} (stopping: ${reason})`));
      process.exit(clean ? 0 : EXIT_UNCLEAN_STOP);
    })();
    return stopping;
  }

  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
  process.on('message', (message: ParentMessage) => {
    if (message?.type === 'stop') void stop('asked by its parent');
  });
  process.on('disconnect', () => void stop('its parent is gone'));
  ignoreOutputErrors();
  process.on('uncaughtException', (error) => crash(name, error));
  process.on('unhandledRejection', (error) => crash(name, error));

  try {
    const warning = restrictProcess(process.env.RUN_AS_USER);
    if (warning !== undefined) report(name, warning);
    running = await definition.start(process.env);
    process.send?.({ type: 'ready', url: running.url } satisfies ChildMessage);
  } catch (error) {
    const message = redact(explain(error));
    report(name, message);
    if (process.send) {
      process.send({ type: 'failed', message } satisfies ChildMessage, () => process.exit(EXIT_FAILED_TO_START));
    } else process.exit(EXIT_FAILED_TO_START);
  }
}

/** Output may fail (a full disk, a closed pipe); there is no other place to report it. */
function ignoreOutputErrors(): void {
  const ignore = () => undefined;
  process.stdout.on('error', ignore);
  process.stderr.on('error', ignore);
}

export async function runPhases(phases: readonly Phase[], onProblem: (problem: string) => void): Promise<boolean> {
  let clean = true;
  for (const phase of phases) {
    const { name, timeoutMs } = phase;
    const run = async () => {
      await phase.run();
      return 'ended';
    };
    try {
      const outcome = await pTimeout(run(), { milliseconds: timeoutMs, fallback: () => 'late' });
      if (outcome === 'ended') continue;
      onProblem(`phase "${name}" took longer than ${timeoutMs} ms`);
    } catch (error) {
      onProblem(`phase "${name}" failed: ${explain(error)}`);
    }
    clean = false;
  }
  return clean;
}

export function explain(error: unknown): string {
  if (error instanceof TidemarkError) {
    return [`${error.code}: ${error.message}`, error.details, error.hint && `→ ${error.hint}`]
      .filter(Boolean)
      .join('\n  ');
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function report(name: string, message: string): void {
  process.stderr.write(redact(`${name}: ${message}\n`));
}

/** An exhausted resource makes many calls fail at once; one report in this time is enough. */
const EXHAUSTED_REPORT_MS = 10_000;
let exhaustedReportedAt = Number.NEGATIVE_INFINITY;

/** Exits, since the state is unknown, except in a shortage (descriptors, disk), which a new process would meet as well. */
function crash(name: string, error: unknown): void {
  if (isExhausted(error)) {
    if (performance.now() - exhaustedReportedAt < EXHAUSTED_REPORT_MS) return;
    exhaustedReportedAt = performance.now();
    report(name, `continues after a resource shortage: ${explain(error)}`);
    return;
  }
  report(name, `crashed: ${explain(error)}`);
  process.exit(EXIT_CRASHED);
}
