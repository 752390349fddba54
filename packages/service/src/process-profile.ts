/** Samples what the main thread of this process does, by V8's own profilers. */
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** µs between two samples: 15,000 in 30 s, at some 2 % of the processor. */
const CPU_INTERVAL_US = 2_000;
/** Bytes between two sampled allocations. */
const HEAP_INTERVAL_BYTES = 64 * 1_024;

/** Resolves to the content of a .cpuprofile. */
export function profileCpu(seconds: number): Promise<object> {
  return inSession(async (session) => {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US });
    await session.post('Profiler.start');
    await sleep(seconds * 1_000);
    return (await session.post('Profiler.stop')).profile;
  });
}

/** Resolves to the content of a .heapprofile: allocations of this time that are still in use, by the function that made them. */
export function profileHeap(seconds: number): Promise<object> {
  return inSession(async (session) => {
    await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES });
    await sleep(seconds * 1_000);
    return (await session.post('HeapProfiler.stopSampling')).profile;
  });
}

async function inSession(profile: (session: Session) => Promise<object>): Promise<object> {
  const session = new Session();
  session.connect();
  try {
    return await profile(session);
  } finally {
    session.disconnect();
  }
}
