/**
 * One server under a guard, with the handles that tests and the fault lab need.
 *
 *   stopped ──start──► starting ──ready──► running ◄──pause/resume──► paused
 *      ▲                  │ ended              │ stop, kill, or it ended by itself
 *      └──────────────────┴────────────────────┘
 */
import type { BoundedLog } from './bounded-log.ts';
import { errors } from './errors.ts';
import { freePort, portHolder } from './free-port.ts';
import { type GuardedCommand, type GuardedProcess, spawnGuarded } from './guard.ts';
import { isStillHeld, startError } from './postgres-log.ts';
import { isAlive, isStopped, processTree, signalAll } from './running-processes.ts';
import { waitUntil } from './wait-until.ts';

export interface StopStep {
  signal: NodeJS.Signals;
  seconds: number;
}

export interface UnexpectedExit {
  what: string;
  code: number;
  log: string;
}

export interface ServerOptions {
  what: string;
  /** Without one, a free port is used, and another one if a process takes it first. */
  port: number | undefined;
  dataDir: string;
  log: BoundedLog;
  /** The time limit of a start includes recovery after a crash. */
  startSeconds: number;
  onExit: (exit: UnexpectedExit) => void;
}

/** Seconds until the memory or the lock of an earlier run must be free. */
const HELD_SECONDS = 15;
/** ms until all threads of a paused server must have stopped. */
const STILL_MS = 5_000;
const PORT_ATTEMPTS = 5;

export abstract class ServerProcess {
  readonly what: string;
  readonly dataDir: string;
  protected readonly log: BoundedLog;
  readonly #startSeconds: number;
  readonly #onExit: (exit: UnexpectedExit) => void;
  readonly #wantedPort: number | undefined;
  #port = 0;
  #process: GuardedProcess | undefined;
  #state: 'stopped' | 'starting' | 'running' | 'paused' = 'stopped';

  constructor(options: ServerOptions) {
    this.what = options.what;
    this.#wantedPort = options.port || undefined;
    this.dataDir = options.dataDir;
    this.log = options.log;
    this.#startSeconds = options.startSeconds;
    this.#onExit = options.onExit;
  }

  get state(): 'stopped' | 'starting' | 'running' | 'paused' {
    return this.#state;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#process?.running ? this.#process.pid : undefined;
  }

  get logFile(): string {
    return this.log.path;
  }

  protected abstract prepare(): Promise<GuardedCommand>;
  protected abstract isReady(pid: number): boolean | Promise<boolean>;

  async start(): Promise<void> {
    if (this.#state !== 'stopped') throw errors.ALREADY_RUNNING({ what: this.what, pid: this.pid ?? 0 });
    this.#state = 'starting';
    try {
      await this.#startOnSomePort();
    } catch (error) {
      await this.#end([], 0);
      throw error;
    }
    this.#state = 'running';
  }

  async #startOnSomePort(): Promise<void> {
    const mayChoose = this.#wantedPort === undefined && this.#port === 0;
    for (let attempt = 1; ; attempt += 1) {
      if (mayChoose || this.#port === 0) await this.choosePorts();
      try {
        const deadline = performance.now() + HELD_SECONDS * 1000;
        while (!(await this.#attempt(performance.now() < deadline)));
        return;
      } catch (error) {
        const taken = (error as { code?: unknown }).code === 'STACK_PORT_IN_USE';
        if (!taken || !mayChoose || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  protected async choosePorts(): Promise<void> {
    this.#port = this.#wantedPort ?? (await freePort());
  }

  /** Returns false when an earlier run still has memory or a lock. */
  async #attempt(mayRetry: boolean): Promise<boolean> {
    const command = await this.prepare();
    this.log.mark();
    const started = await spawnGuarded(command);
    this.#process = started;
    void started.exited.then((exit) => this.#ended(started, exit.code));
    const limit = this.#startSeconds * 1000;
    const ready = await waitUntil(async () => !started.running || (await this.isReady(started.pid)), limit);
    const log = this.log.sinceMark();
    if (!ready) throw errors.TIMED_OUT({ what: `the start of ${this.what}`, seconds: this.#startSeconds, log });
    if (started.running) return true;
    if (mayRetry && isStillHeld(log)) return false;
    const holder = () => portHolder(this.port);
    throw startError({ what: this.what, folder: this.dataDir, log, port: this.port, holder });
  }

  #ended(ended: GuardedProcess, code: number): void {
    if (this.#process !== ended) return;
    const unexpected = this.#state === 'running' || this.#state === 'paused';
    if (!unexpected) return;
    this.#state = 'stopped';
    this.#onExit({ what: this.what, code, log: this.log.sinceMark() });
  }

  /** SIGKILL follows the last step. */
  protected async stopWith(steps: StopStep[]): Promise<void> {
    if (this.#state === 'paused') this.resume();
    await this.#end(steps, 0);
  }

  /** Ends the whole process tree, like a crash. */
  async kill(): Promise<void> {
    await this.#end([], 0);
  }

  async #end(steps: StopStep[], index: number): Promise<void> {
    const process = this.#process;
    this.#state = 'stopped';
    if (!process?.running) return;
    const step = steps[index];
    if (step) {
      process.signal(step.signal);
      if (await process.ended(step.seconds * 1000)) return;
      return this.#end(steps, index + 1);
    }
    const tree = processTree(process.pid);
    signalAll(tree, 'SIGKILL');
    // Backends keep the shared memory until they have ended, and a start before that is refused.
    const gone = await waitUntil(() => !process.running && !tree.some(isAlive), 10_000);
    if (!gone) throw errors.TIMED_OUT({ what: `the end of ${this.what}`, seconds: 10, log: this.log.sinceMark() });
  }

  /** Sockets stay open, and nothing answers. */
  async pause(): Promise<void> {
    if (this.#state !== 'running') throw errors.NOT_RUNNING({ what: this.what, action: 'be paused' });
    this.#state = 'paused';
    this.#process?.signalTree('SIGSTOP');
    // On a busy machine threads go on for a moment.
    const tree = processTree(this.#process?.pid ?? 0);
    const still = await waitUntil(() => tree.every((pid) => !isAlive(pid) || isStopped(pid)), STILL_MS);
    if (!still) throw errors.TIMED_OUT({ what: `${this.what} to stand still`, seconds: STILL_MS / 1_000, log: '' });
  }

  resume(): void {
    if (this.#state !== 'paused') throw errors.NOT_RUNNING({ what: this.what, action: 'be resumed' });
    this.#process?.signalTree('SIGCONT');
    this.#state = 'running';
  }

  /** The server cannot be started again. */
  dispose(): void {
    this.log.close();
  }
}
