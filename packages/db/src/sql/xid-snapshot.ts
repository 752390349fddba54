/** Decides which transactions a snapshot sees, by pg_current_snapshot(). Pure. */

/** pg_current_snapshot(), 64-bit. */
export interface XidSnapshot {
  xmin: bigint;
  xmax: bigint;
  running: ReadonlySet<bigint>;
}

/** @param xid 32-bit, of a transaction that has committed */
export function visible(snapshot: XidSnapshot, xid: number): boolean {
  const full = widen(xid, snapshot.xmax);
  if (full < snapshot.xmin) return true;
  return full < snapshot.xmax && !snapshot.running.has(full);
}

const EPOCH = 1n << 32n;
const HALF = 1n << 31n;

/** Returns the 64-bit id nearest to `near`. Running transactions are less than 2^31 apart. */
export function widen(xid: number, near: bigint): bigint {
  let full = (near & ~(EPOCH - 1n)) | BigInt(xid >>> 0);
  if (full - near > HALF) full -= EPOCH;
  else if (near - full > HALF) full += EPOCH;
  return full;
}

/** Parses the text of pg_current_snapshot(): `xmin:xmax:xid,…`. */
export function parseXidSnapshot(text: string): XidSnapshot {
  const [xmin = '', xmax = '', running = ''] = text.split(':');
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  };
}
