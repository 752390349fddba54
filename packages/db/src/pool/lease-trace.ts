/** Where a lease was asked for, for the report of a leak. Made before the wait for a connection, while the caller is on the stack. */
const FRAMES = 8;

/** About 7 µs: the frames are noted, and turned into text only when a leak is reported. */
export function leaseTrace(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const trace = new Error('leased here');
  Error.stackTraceLimit = limit;
  return trace;
}
