import { Worker } from 'node:worker_threads';
import type { WorkerData } from './protocol.ts';
import { createThread, type Thread } from './thread.ts';

/** The JavaScript heap of a thread in MB; admission bounds native memory, which has the pixels. */
const MAX_OLD_GENERATION_MB = 128;

export function startWorkerThread(file: URL, workerData: WorkerData): Thread {
  const worker = new Worker(file, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_OLD_GENERATION_MB },
    // Loaders and inspectors of the process would add seconds to the start of each thread.
    execArgv: [],
  });
  let problem: string | undefined;
  // The event 'exit' follows.
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
