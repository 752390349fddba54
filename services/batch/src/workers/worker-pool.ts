/**
 * This is not piscina, because a worker is a process (see worker-process.ts), a task must know which one ran it, when its memory
 * is free, and that nothing waits beyond a limit.
 */
import type { TidemarkError, WorkerInfo } from '@tidemark/contracts';
import { every } from '@tidemark/service';
import { errors } from '../errors.ts';
import type { BatchEvent } from '../events.ts';
import type { Admission } from './admission.ts';
import type { Failure, Outcome, Task, WorkerData } from './protocol.ts';
import type { Ended } from './task-run.ts';
import { workerInfo } from './worker-info.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  file: URL;
  workerData: WorkerData;
  /** Maximum number of processes. They start when tasks wait, and end when they have been idle for a while. */
  threads: number;
  /** Processes that stay, 0 or 1; default: 1, since a start takes longer than a small task. */
  least?: 0 | 1;
  /** Tasks that may wait for a worker; further ones are refused with BATCH_QUEUE_FULL. */
  waitingLimit: number;
  recycleAfterTasks: number;
  /** A worker whose memory exceeds it after a task is replaced. */
  recycleBytes: number;
  /** A worker that exceeds it is killed. */
  maxChildBytes: number;
  /** Default: 30 s. */
  idleMs?: number;
  admission: Admission;
  observe: (event: BatchEvent) => void;
}

export interface WorkerPool {
  /**
   * Settles when CPU and memory of the task are free: at most some seconds after its deadline or an abort, because a kind that
   * does not stop then is killed. A task whose process ends runs once more, in a new process.
   */
  run(task: Task, deadlineMs: number, signal: AbortSignal): Promise<Outcome>;
  /** For a task whose process has ended before: runs it once, in a new process. */
  runIsolated(task: Task, deadlineMs: number, signal: AbortSignal): Promise<Outcome>;
  size(): number;
  busy(): number;
  waiting(): number;
  recycledTotal(): number;
  problem(): string | undefined;
  list(): WorkerInfo[];
  /** Undefined: no worker has this pid. */
  profile(pid: number, what: 'cpu' | 'heap', seconds: number): Promise<object> | undefined;
  close(): Promise<void>;
}

/** ms before a worker that ended at its start (a broken installation) is replaced. */
const RESTART_DELAY_MS = 1_000;
const IDLE_MS = 30_000;
/** The last one waits for longer, since the next small task would take half a second more without it. */
const LAST_IDLE_FACTOR = 2;

/** A worker computes one task while the outputs of another one are written to the disk, for which a processor would wait. */
const OPEN_TASKS = 2;

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { observe, waitingLimit, idleMs = IDLE_MS, least = 1 } = options;
  const all = new Set<WorkerProcess>();
  const isolated = new Set<WorkerProcess>();
  /** Workers whose task has not computed its result. */
  const computing = new Set<WorkerProcess>();
  /** Workers that may take a task. The last is used first, so that the first ones become superfluous. */
  const idle: { worker: WorkerProcess; since: number }[] = [];
  const queue: { resolve: (worker: WorkerProcess) => void; reject: (error: Error) => void }[] = [];
  let restart: NodeJS.Timeout | undefined;
  let recycled = 0;
  let problem: string | undefined;
  let closed = false;
  let isResting = false;
  const shrinking = every('idle workers', idleMs / 3, shrink, observe, { keepsAlive: false });

  const start = () => startWorkerProcess(options.file, options.workerData, options.maxChildBytes);

  function add(): WorkerProcess {
    const worker = start();
    all.add(worker);
    void worker.ended.then(() => onEnded(worker));
    return worker;
  }

  /** It gets no more tasks. */
  function leaveOut(worker: WorkerProcess): void {
    computing.delete(worker);
    const at = idle.findIndex((entry) => entry.worker === worker);
    if (at >= 0) idle.splice(at, 1);
  }

  function onEnded(worker: WorkerProcess): void {
    all.delete(worker);
    leaveOut(worker);
    if (closed) return;
    if (worker.hasStarted()) {
      problem = undefined;
      recycled += 1;
      refill();
      return;
    }
    problem = `a worker process ended at its start: ${worker.end()}`;
    observe({ type: 'worker.not_started', how: worker.end() });
    restart ??= setTimeout(() => {
      restart = undefined;
      refill();
    }, RESTART_DELAY_MS);
  }

  /** Starts a worker for the first task that waits. One is there while tasks come, since its start takes longer than a small one. */
  function refill(): void {
    if (closed || restart || all.size >= options.threads) return;
    if (queue.length > 0) give(add());
    else if (all.size < (isResting ? 0 : least)) idle.push({ worker: add(), since: performance.now() });
  }

  function shrink(): void {
    const before = performance.now() - idleMs;
    for (const { worker, since } of [...idle]) {
      const isLast = all.size <= least;
      if (worker.open() > 0 || since >= (isLast ? before - idleMs * (LAST_IDLE_FACTOR - 1) : before)) continue;
      isResting = isLast;
      void retire(worker);
    }
  }

  function retire(worker: WorkerProcess): Promise<void> {
    all.delete(worker);
    leaveOut(worker);
    return worker.kill();
  }

  /** To the first task that waits. */
  function give(worker: WorkerProcess): void {
    const waiter = queue.shift();
    if (waiter) {
      computing.add(worker);
      waiter.resolve(worker);
    } else idle.push({ worker, since: performance.now() });
  }

  /** Called when a task has computed its result, and when it has ended. */
  function reuse(worker: WorkerProcess): void {
    if (closed || !worker.isAlive() || !all.has(worker) || computing.has(worker)) return;
    if (worker.tasks() >= options.recycleAfterTasks || worker.residentBytes() > options.recycleBytes) {
      leaveOut(worker);
      if (worker.open() === 0) void worker.kill();
      return;
    }
    const isIdle = idle.some((entry) => entry.worker === worker);
    if (!isIdle && worker.open() < OPEN_TASKS) give(worker);
  }

  async function lease(): Promise<WorkerProcess> {
    if (closed) throw errors.STOPPING();
    isResting = false;
    const last = idle.pop();
    if (last) {
      computing.add(last.worker);
      return last.worker;
    }
    if (queue.length >= waitingLimit) throw errors.QUEUE_FULL({ waiting: queue.length });
    return new Promise((resolve, reject) => {
      queue.push({ resolve, reject });
      refill();
    });
  }

  async function runOn(
    worker: WorkerProcess,
    task: Task,
    deadlineMs: number,
    signal: AbortSignal,
    onComputed?: () => void,
  ): Promise<Ended> {
    const memory = createMemory(options.admission, signal);
    const { grantedBytes } = memory;
    const admit = (bytes: number) => memory.admit(task, bytes);
    try {
      const run = { deadlineMs, grantedBytes, signal, admit, ...(onComputed && { onComputed }) };
      const ended = await worker.run(task, run);
      if (closed) throw errors.STOPPING();
      return ended;
    } finally {
      memory.giveBack();
    }
  }

  /** Throws for every end but an outcome or a crash. */
  function read(ended: Ended, task: Task, deadlineMs: number): { outcome: Outcome } | { crash: string } {
    switch (ended.type) {
      case 'outcome':
        return { outcome: ended.outcome };
      case 'crash':
        observe({ type: 'worker.crashed', how: ended.how });
        return { crash: ended.how };
      case 'timeout':
        observe({ type: 'worker.timeout', ms: deadlineMs });
        throw errors.ITEM_TIMEOUT({ name: task.item.name, ms: deadlineMs });
      case 'stopped':
        throw errors.STOPPING();
      case 'not started':
        throw errors.WORKER_NOT_STARTED({ how: ended.how });
    }
  }

  async function runIsolated(task: Task, deadlineMs: number, signal: AbortSignal): Promise<Outcome> {
    if (closed) throw errors.STOPPING();
    const worker = start();
    isolated.add(worker);
    try {
      const result = read(await runOn(worker, task, deadlineMs, signal), task, deadlineMs);
      if ('outcome' in result) return result.outcome;
      throw errors.ITEM_LOST({ losses: 2, how: result.crash });
    } finally {
      await worker.kill();
      isolated.delete(worker);
    }
  }

  refill();
  return {
    async run(task, deadlineMs, signal) {
      const worker = await lease();
      let hasComputed = false;
      const onComputed = () => {
        hasComputed = true;
        computing.delete(worker);
        reuse(worker);
      };
      let result: ReturnType<typeof read>;
      try {
        result = read(await runOn(worker, task, deadlineMs, signal, onComputed), task, deadlineMs);
      } finally {
        // The worker may be computing the next task by now.
        if (!hasComputed) computing.delete(worker);
        reuse(worker);
      }
      return 'outcome' in result ? result.outcome : runIsolated(task, deadlineMs, signal);
    },
    runIsolated,
    size: () => all.size + isolated.size,
    busy: () => [...all].filter((worker) => worker.open() > 0).length + isolated.size,
    waiting: () => queue.length,
    recycledTotal: () => recycled,
    problem: () => problem,
    list: () => [...all, ...isolated].map(workerInfo),
    profile: (pid, what, seconds) => [...all, ...isolated].find((worker) => worker.pid === pid)?.profile(what, seconds),
    async close() {
      closed = true;
      shrinking.stop();
      clearTimeout(restart);
      for (const { reject } of queue.splice(0)) reject(errors.STOPPING());
      await Promise.all([...all, ...isolated].map((worker) => worker.kill()));
    },
  };
}

/** An image of 5 megapixels. Most items need less, and save a question and its answer. */
const GRANTED_BYTES = 16 * 1024 ** 2;

/** The memory is kept until the task or its process has ended. */
function createMemory(admission: Admission, signal: AbortSignal) {
  const granted = admission.tryAdmit(GRANTED_BYTES);
  let giveBack = granted ?? (() => {});
  return {
    grantedBytes: granted ? GRANTED_BYTES : 0,
    async admit({ item: { name } }: Task, bytes: number): Promise<Failure | undefined> {
      const limit = admission.limitBytes;
      if (bytes > limit) return asFailure(errors.IMAGE_TOO_LARGE({ name, bytes, limit }));
      giveBack();
      try {
        giveBack = await admission.admit(bytes, signal);
        return undefined;
      } catch {
        return asFailure(errors.STOPPING());
      }
    },
    giveBack: () => giveBack(),
  };
}

const asFailure = ({ code, message, hint, status }: TidemarkError): Failure => ({
  code,
  message,
  hint,
  status,
  next: 'fail',
});
