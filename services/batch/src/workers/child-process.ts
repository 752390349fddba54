/** Runs an item that may end its process in a child process instead of a thread. */
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { FromWorker, WorkerData } from './protocol.ts';
import { createThread, type Thread } from './thread.ts';

const LOOK_MS = 100;

/** A child that uses more than `maxBytes` of resident memory is killed. */
export function startChildProcess(file: URL, workerData: WorkerData, maxBytes: number): Thread {
  const child = fork(fileURLToPath(file), { serialization: 'advanced', execArgv: [] });
  let peakBytes = 0;
  const timer = setInterval(() => void look(), LOOK_MS);

  async function look(): Promise<void> {
    const bytes = await residentBytes(child.pid);
    peakBytes = Math.max(peakBytes, bytes);
    if (bytes > maxBytes) child.kill('SIGKILL');
  }

  const send = (message: unknown) => {
    if (child.connected) child.send(message as object, () => {});
  };
  send(workerData);
  return createThread({
    send,
    onMessage: (listener) => child.on('message', (message) => listener(message as FromWorker)),
    onExit(listener) {
      const onEnd = (how: string) => {
        clearInterval(timer);
        listener(`${how}, with ${Math.round(peakBytes / 1024 ** 2)} MB of memory`);
      };
      child.once('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`));
      child.once('error', (error) => onEnd(error.message));
    },
    end: () => {
      child.kill('SIGKILL');
    },
  });
}

async function residentBytes(pid: number | undefined): Promise<number> {
  // The process may have ended, and other systems have no /proc.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
}
