/** Samples what a thread does, by V8's own profilers. */
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** µs between two samples: 15,000 in 30 s, at some 2 % of the processor. */
const CPU_INTERVAL_US = 2_000;
/** Bytes between two sampled allocations. */
const HEAP_INTERVAL_BYTES = 64 * 1_024;

/** Sends a command of the inspector's protocol to a thread. */
export type PostToThread = (method: string, params?: object) => Promise<object>;

/**
 * Resolves to the content of a .cpuprofile, or of a .heapprofile: allocations of this time that are still in use, by the function
 * that made them.
 */
export async function profileThread(post: PostToThread, what: 'cpu' | 'heap', seconds: number): Promise<object> {
  if (what === 'heap') {
    await post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES });
    await sleep(seconds * 1_000);
    return ((await post('HeapProfiler.stopSampling')) as { profile: object }).profile;
  }
  await post('Profiler.enable');
  await post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_US });
  await post('Profiler.start');
  await sleep(seconds * 1_000);
  return ((await post('Profiler.stop')) as { profile: object }).profile;
}

export async function profileMainThread(what: 'cpu' | 'heap', seconds: number): Promise<object> {
  const session = new Session();
  session.connect();
  // The types declare a signature for each command only.
  const post = session.post.bind(session) as unknown as PostToThread;
  try {
    return await profileThread(post, what, seconds);
  } finally {
    session.disconnect();
  }
}
