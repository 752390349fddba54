import type { Telemetry } from '@tidemark/contracts';

export interface Memory {
  rssBytes: number;
  /** heap used / heap limit, 0 to 1; null for an instance of an older version, which does not report its limit. */
  utilization: number | null;
}

export function memoryOf({ process }: Telemetry): Memory {
  const { rssBytes, heapUsedBytes, heapLimitBytes } = process;
  return { rssBytes, utilization: heapLimitBytes === undefined ? null : heapUsedBytes / heapLimitBytes };
}

/** The sum of resident memory, and the utilization of the instance that is nearest to its limit. */
export function memoryOfAll(instances: readonly Telemetry[]): Memory {
  const all = instances.map(memoryOf);
  const known = all.flatMap(({ utilization }) => utilization ?? []);
  return {
    rssBytes: all.reduce((total, { rssBytes }) => total + rssBytes, 0),
    utilization: known.length === 0 ? null : Math.max(...known),
  };
}
