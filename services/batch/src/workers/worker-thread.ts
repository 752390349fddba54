import { Worker } from 'node:worker_threads';
import type { WorkerData } from './protocol.ts';
import { createThread, type Thread } from './thread.ts';

/** The JavaScript heap of a thread, MB; pixels are native memory, which admission bounds. */
const MAX_OLD_GENERATION_MB = 128;

export function startWorkerThread(file: URL, workerData: WorkerData): Thread {
  const worker = new Worker(file, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB },
    // Loaders and inspectors of the process are not for its threads: each would cost seconds at their start.
    execArgv: [],
  });
  let problem: string | undefined;
  // 'exit' follows.
  worker.on('error', (error) => {
    problem = error.message;
  });
  return createThread({
    send: (message) => worker.postMessage(message),
    onMessage: (listener) => worker.on('message', listener),
    onExit: (listener) => worker.once('exit', (code) => listener(problem ?? `exit code ${code}`)),
    end: () => void worker.terminate(),
  });
}
