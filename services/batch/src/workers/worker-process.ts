/**
 * A worker is a process and not a thread, because native code in a thread cannot be stopped, and a crash of it ends all threads.
 * A killed process returns its CPU and memory at once.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errors } from '../errors.ts';
import type { FromWorker, Task, ToWorker, WorkerData } from './protocol.ts';
import { type Ended, type RunOptions, startTaskRun, type TaskRun } from './task-run.ts';

export interface WorkerProcess {
  readonly pid: number | undefined;
  /** The task that was started last and has not ended, and its start by performance.now(). */
  running(): { task: Task; at: number } | undefined;
  /** Profiles run one at a time: a second caller gets the result of the first one. */
  profile(what: 'cpu' | 'heap', seconds: number): Promise<object>;
  /** Resolves when the task or the process has ended, so that its memory is free. The pool decides how many run at a time. */
  run(task: Task, options: RunOptions): Promise<Ended>;
  /** Tasks that have not ended. */
  open(): number;
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

const LOOK_MS = 100;
/** Memory of images is native; a kind that keeps more objects than this has a leak. */
const MAX_HEAP_MB = 512;
/** A worker computes one item at a time; libuv's threads serve sharp and the file store. */
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
  const open = new Map<number, { task: Task; at: number; run?: TaskRun }>();
  let profiling: { profile: Promise<object>; onEnd: (message: FromWorker & { type: 'profile' }) => void } | undefined;
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
      for (const { run } of open.values()) run?.crash(end);
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
    else {
      if (message.type === 'done') restingBytes = message.residentBytes;
      open.get(message.id)?.run?.receive(message);
    }
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
    tasks += 1;
    const id = tasks;
    if (open.size === 0) {
      // A task may end its process before the next look.
      peakBytes = restingBytes || residentBytesOf(child.pid);
      looking = setInterval(look, LOOK_MS);
    }
    const entry: { task: Task; at: number; run?: TaskRun } = { task, at: performance.now() };
    open.set(id, entry);
    try {
      await started;
      if (!isReady) return { type: 'not started', how: end };
      if (options.signal.aborted) return { type: 'stopped' };
      if (end) return { type: 'crash', how: end };
      entry.run = startTaskRun(id, task, options, { send, kill: () => void kill() });
      return await entry.run.ended;
    } finally {
      open.delete(id);
      if (open.size === 0) clearInterval(looking);
    }
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
    running: () => [...open.values()].at(-1),
    open: () => open.size,
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
