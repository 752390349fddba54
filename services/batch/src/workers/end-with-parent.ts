/** A thread of each worker process: it kills the process when the service has ended, also while an item blocks the event loop. */
import { workerData } from 'node:worker_threads';

const LOOK_MS = 1_000;

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);
