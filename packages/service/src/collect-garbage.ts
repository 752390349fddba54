import { Session } from 'node:inspector/promises';

/**
 * Collects all garbage and gives the memory of the young generation back to the system, which a collection by Node itself
 * keeps. It stops the process for about 2 ms for each MB in use. Resolves to the bytes that the heap became smaller by.
 */
export async function collectGarbage(): Promise<number> {
  const before = process.memoryUsage().heapTotal;
  const session = new Session();
  session.connect();
  try {
    // V8 collects in a task of its own, which a session that is gone by then would cancel.
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
  return before - process.memoryUsage().heapTotal;
}
