/**
 * A worker is a process and not a thread, because native code in a thread cannot be stopped, and a crash of it ends all threads.
 * A killed process returns its CPU and memory at once.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errors } from '../errors.ts';
import type { Failure, FromWorker, Outcome, Task, ToWorker, WorkerData } from './protocol.ts';

export type Ended =
  | { type: 'outcome'; outcome: Outcome }
  | { type: 'timeout' }
  /** The signal was aborted. */
  | { type: 'stopped' }
  | { type: 'crash'; how: string }
  /** It could not load the kinds, for example, and has not seen the task. */
  | { type: 'not started'; how: string };

export interface RunOptions {
  /** The deadline is suspended while `admit` decides. */
  deadlineMs: number;
  signal: AbortSignal;
  admit: (bytes: number) => Promise<Failure | undefined>;
}

export interface WorkerProcess {
  readonly pid: number | undefined;
  /** The task that runs now, and its start by performance.now(). */
  running(): { task: Task; at: number } | undefined;
  /** Profiles run one at a time: a second caller gets the result of the first one. */
  profile(what: 'cpu' | 'heap', seconds: number): Promise<object>;
  /** Resolves when the process is idle or has ended, so that its memory is free. Runs one task at a time. */
  run(task: Task, options: RunOptions): Promise<Ended>;
  isAlive(): boolean;
  /** How it ended; empty while it lives. */
  end(): string;
  hasStarted(): boolean;
  tasks(): number;
  /** Resident bytes after the last task. */
  residentBytes(): number;
  /** Resolves when the process has ended. */
  kill(): Promise<void>;
  readonly ended: Promise<void>;
}

/** ms for a kind to heed its signal before its process is killed. */
const STOP_MS = 1_000;
const LOOK_MS = 100;
/** Memory of images is native; a kind that keeps more objects than this has a leak. */
const MAX_HEAP_MB = 512;
/** A worker runs one item at a time; libuv's threads serve sharp and the file store. */
const ENV = { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '4' };

export function startWorkerProcess(file: URL, workerData: WorkerData, maxBytes: number): WorkerProcess {
  const child = fork(fileURLToPath(file), {
    serialization: 'advanced',
    // Loaders and inspectors of the service would add seconds to the start.
    execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
    env: { ...ENV, ...process.env, NODE_OPTIONS: '' },
  });
  let end = '';
  let isReady = false;
  let tasks = 0;
  let restingBytes = 0;
  let peakBytes = 0;
  let isOverMemory = false;
  let running: { task: Task; at: number } | undefined;
  let profiling: { profile: Promise<object>; onEnd: (message: FromWorker & { type: 'profile' }) => void } | undefined;
  let onMessage: ((message: FromWorker) => void) | undefined;
  let onStart: () => void = () => {};
  const started = new Promise<void>((resolve) => {
    onStart = resolve;
  });
  let looking: NodeJS.Timeout | undefined;
  const ended = new Promise<void>((resolve) => {
    const onEnd = (how: string) => {
      clearInterval(looking);
      const excess = isOverMemory ? `, more than the ${asMegabytes(maxBytes)} of BATCH_CHILD_BYTES` : ' of memory';
      end ||= `${how}, with ${asMegabytes(peakBytes)}${excess}`;
      resolve();
      onStart();
    };
    child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`));
    child.once('error', (error) => {
      // Without a pid it has never run, and there is no event 'exit'.
      if (child.pid === undefined) onEnd(error.message);
    });
  });
  child.on('message', (message: FromWorker) => {
    if (message.type === 'ready') {
      isReady = true;
      onStart();
    } else if (message.type === 'profile') profiling?.onEnd(message);
    else onMessage?.(message);
  });
  send(workerData);

  function look(): void {
    const bytes = residentBytesOf(child.pid);
    peakBytes = Math.max(peakBytes, bytes);
    if (bytes <= maxBytes) return;
    isOverMemory = true;
    child.kill('SIGKILL');
  }

  function send(message: ToWorker | WorkerData): void {
    // A message that cannot be sent has a process that ends: its exit is handled.
    if (child.connected) child.send(message, () => {});
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
  }

  async function run(task: Task, options: RunOptions): Promise<Ended> {
    await started;
    if (!isReady) return { type: 'not started', how: end };
    if (options.signal.aborted) return { type: 'stopped' };
    tasks += 1;
    running = { task, at: performance.now() };
    // A task may end its process before the next look.
    peakBytes = restingBytes || residentBytesOf(child.pid);
    looking = setInterval(look, LOOK_MS);
    try {
      return await new Promise<Ended>((resolve) => {
        const settle = startTask(task, options, resolve);
        void ended.then(() => settle({ type: 'crash', how: end }));
      });
    } finally {
      clearInterval(looking);
      running = undefined;
      onMessage = undefined;
    }
  }

  function startTask(task: Task, { deadlineMs, signal, admit }: RunOptions, resolve: (how: Ended) => void) {
    let timer: NodeJS.Timeout | undefined;
    let leftMs = deadlineMs;
    let startedAt = 0;
    let stop: Ended | undefined;
    let isSettled = false;
    const onAbort = () => stopFor({ type: 'stopped' });
    const settle = (how: Ended) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      // A result after the stop is discarded: the job has ended, or the time of the item is over.
      resolve(stop ?? how);
    };
    const startTimer = () => {
      startedAt = performance.now();
      timer = setTimeout(stopFor, leftMs, { type: 'timeout' });
    };
    function stopFor(why: Ended): void {
      if (stop) return;
      stop = why;
      clearTimeout(timer);
      send({ type: 'stop' });
      timer = setTimeout(() => void kill(), STOP_MS);
    }
    onMessage = (message) => {
      if (message.type === 'done') {
        restingBytes = message.residentBytes;
        settle({ type: 'outcome', outcome: message.outcome });
      } else if (message.type === 'admit') {
        clearTimeout(timer);
        leftMs -= performance.now() - startedAt;
        void admit(message.bytes).then((failure) => {
          if (isSettled) return;
          if (!stop) startTimer();
          send(failure ? { type: 'refused', failure } : { type: 'admitted' });
        });
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    startTimer();
    send({ type: 'run', task });
    return settle;
  }

  function profile(what: 'cpu' | 'heap', seconds: number): Promise<object> {
    if (profiling) return profiling.profile;
    let onEnd: (message: FromWorker & { type: 'profile' }) => void = () => {};
    const sampled = new Promise<object>((resolve, reject) => {
      onEnd = (message) => {
        if (message.profile) resolve(message.profile);
        else reject(errors.WORKER_PROFILE({ reason: message.problem }));
      };
      void ended.then(() => reject(errors.WORKER_PROFILE({ reason: `it ended: ${end}` })));
    }).finally(() => {
      profiling = undefined;
    });
    profiling = { profile: sampled, onEnd };
    send({ type: 'profile', what, seconds });
    return sampled;
  }

  return {
    pid: child.pid,
    running: () => running,
    profile,
    run,
    kill,
    ended,
    isAlive: () => end === '',
    end: () => end,
    hasStarted: () => isReady,
    tasks: () => tasks,
    residentBytes: () => restingBytes,
  };
}

const asMegabytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MB`;

/** Returns 0 when the process has ended, and on systems without /proc, where nothing but the heap is limited. */
function residentBytesOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
