import type { Failure, FromWorker, Outcome, Task, ToWorker } from './protocol.ts';

export type Ended = { type: 'outcome'; outcome: Outcome } | { type: 'timeout' } | { type: 'crash'; reason: string };

export interface Thread {
  /**
   * After any end other than an outcome the thread must be replaced. The deadline is suspended while `admit` decides.
   */
  run(task: Task, deadlineMs: number, admit: (bytes: number) => Promise<Failure | undefined>): Promise<Ended>;
  tasks(): number;
  /** Resolves when the thread has ended, including native work; then its memory is free. */
  end(): Promise<void>;
  readonly ended: Promise<void>;
}

export interface Port {
  send(message: ToWorker): void;
  onMessage(listener: (message: FromWorker) => void): void;
  onExit(listener: (reason: string) => void): void;
  end(): void;
}

export function createThread(port: Port): Thread {
  let onMessage: ((message: FromWorker) => void) | undefined;
  let onCrash: ((reason: string) => void) | undefined;
  let crash: string | undefined;
  let tasks = 0;
  const ended = new Promise<void>((resolve) => {
    port.onExit((reason) => {
      crash = reason;
      onCrash?.(reason);
      resolve();
    });
  });
  port.onMessage((message) => onMessage?.(message));

  return {
    run: (task, deadlineMs, admit) =>
      new Promise((resolve) => {
        if (crash !== undefined) {
          resolve({ type: 'crash', reason: crash });
          return;
        }
        tasks += 1;
        let timer: NodeJS.Timeout | undefined;
        let leftMs = deadlineMs;
        let startedAt = 0;
        let isSettled = false;
        const startTimer = () => {
          startedAt = performance.now();
          timer = setTimeout(settle, leftMs, { type: 'timeout' });
        };
        const settle = (how: Ended) => {
          isSettled = true;
          clearTimeout(timer);
          onMessage = undefined;
          onCrash = undefined;
          resolve(how);
        };
        onCrash = (reason) => settle({ type: 'crash', reason });
        onMessage = (message) => {
          if (message.type === 'done') {
            settle({ type: 'outcome', outcome: message.outcome });
            return;
          }
          clearTimeout(timer);
          leftMs -= performance.now() - startedAt;
          void admit(message.bytes).then((failure) => {
            if (isSettled) return;
            startTimer();
            port.send(failure ? { type: 'refused', failure } : { type: 'admitted' });
          });
        };
        startTimer();
        port.send({ type: 'run', task });
      }),
    tasks: () => tasks,
    async end() {
      port.end();
      await ended;
    },
    ended,
  };
}
