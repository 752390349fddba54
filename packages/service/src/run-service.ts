/**
 * The life of a service's process: start, say where it listens, and on a signal (or when its parent has died) stop
 * in named phases, each with its own time limit.
 */
import { setFlagsFromString } from 'node:v8';
import { TidemarkError } from '@tidemark/contracts';
import { isExhausted } from './exhausted.ts';
import { restrictProcess } from './process-user.ts';
import { redact } from './redact.ts';

export interface Phase {
  name: string;
  timeoutMs: number;
  run(): Promise<void> | void;
}

export interface RunningService {
  url: string;
  /** In order. A phase that fails or overruns is reported, and the next one runs all the same. */
  phases: readonly Phase[];
}

export interface ServiceDefinition {
  name: string;
  start(env: NodeJS.ProcessEnv): Promise<RunningService>;
}

/** What a service tells the parent that forked it, and what it takes from it. */
export type ParentMessage = { type: 'stop' };
export type ChildMessage = { type: 'ready'; url: string } | { type: 'failed'; message: string };

/** Exit code of a service that was configured wrongly or cannot reach what it needs. */
const EXIT_FAILED_TO_START = 1;
const EXIT_UNCLEAN_STOP = 2;
const EXIT_CRASHED = 70;

/**
 * V8 may decide, from what survived a busy moment, to make some objects old from the start. Such objects of requests long
 * answered then keep younger ones alive until the next major collection: in every second process under load, half of what was
 * allocated survived each minor collection, which took four times as long (measured on reads; packages/bench, `read`).
 */
setFlagsFromString('--no-allocation-site-pretenuring');

export async function runService(definition: ServiceDefinition): Promise<void> {
  const { name } = definition;
  let running: RunningService | undefined;
  let stopping: Promise<void> | undefined;

  async function stop(reason: string): Promise<void> {
    if (!running) {
      // Still starting: nothing has been accepted yet, so nothing needs an orderly end.
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
  // A standard output or error that takes nothing (a full disk, a closed pipe) must not end the process.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
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

/** @returns whether every phase ended within its limit and without an error */
export async function runPhases(phases: readonly Phase[], onProblem: (problem: string) => void): Promise<boolean> {
  let clean = true;
  for (const phase of phases) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, phase.timeoutMs, 'late');
    });
    try {
      const ended = await Promise.race([(async () => phase.run())(), late]);
      if (ended === 'late') {
        clean = false;
        onProblem(`phase "${phase.name}" took longer than ${phase.timeoutMs} ms`);
      }
    } catch (error) {
      clean = false;
      onProblem(`phase "${phase.name}" failed: ${explain(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }
  return clean;
}

/** An error with its remedy, for people at a terminal. */
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

/** At most one report in this time, ms: a used-up resource fails everywhere at once. */
const EXHAUSTED_REPORT_MS = 10_000;
let exhaustedReportedAt = Number.NEGATIVE_INFINITY;

/**
 * The state of a process after an unforeseen error is unknown: it ends, and whoever runs it starts a new one. A call that
 * failed for want of descriptors or disk space is no such error: the process goes on, as a new one would meet the same want.
 */
function crash(name: string, error: unknown): void {
  if (isExhausted(error)) {
    if (performance.now() - exhaustedReportedAt < EXHAUSTED_REPORT_MS) return;
    exhaustedReportedAt = performance.now();
    report(name, `goes on without what it could not do: ${explain(error)}`);
    return;
  }
  report(name, `crashed: ${explain(error)}`);
  process.exit(EXIT_CRASHED);
}
