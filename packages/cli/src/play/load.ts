/** How busy the machine was while something was measured: a figure of a machine without idle time is one of the machine. */
import { availableParallelism, cpus } from 'node:os';
import { percent } from './figures.ts';

interface Sample {
  at: number;
  busyMs: number;
  idleMs: number;
  /** Time of this process on all its threads. */
  ownMs: number;
}

export class Load {
  readonly #began = sample();

  /** For example `machine 98.0 % busy, 21.5 % by the player`: shares of all its processors. */
  describe(): string {
    const now = sample();
    const busyMs = now.busyMs - this.#began.busyMs;
    const allMs = busyMs + now.idleMs - this.#began.idleMs;
    const own = (now.ownMs - this.#began.ownMs) / ((now.at - this.#began.at) * availableParallelism());
    return `machine ${percent(allMs === 0 ? 0 : busyMs / allMs)} busy, ${percent(own)} by the player`;
  }
}

function sample(): Sample {
  let busyMs = 0;
  let idleMs = 0;
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq;
    idleMs += times.idle;
  }
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), busyMs, idleMs, ownMs: (user + system) / 1_000 };
}
