/** Keeps the servers of a stack running: restarts those that end, and NATS when JetStream has stopped working. */
import type { Parts } from './stack-options.ts';
import { Supervisor } from './supervisor.ts';
import { waitUntil } from './wait-until.ts';

export interface Keeper {
  watchNats(): void;
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;
/** Checks in a row without JetStream after which it is not just busy. */
const UNSERVED_LOOKS = 3;
/** A replica waits for its primary, which may wait for disk space for any time. */
const PRIMARY_WAIT_MS = 60_000;

export function keepRunning(parts: Parts): Keeper {
  const onGivenUp = parts.onExit;
  const supervisor = new Supervisor({ report: parts.progress, onGivenUp });
  let timer: NodeJS.Timeout | undefined;
  let unserved = 0;
  let stopped = false;

  parts.onExit = (exit) => {
    const { primary, replica, nats } = parts;
    if (exit.what === primary?.what) supervisor.restart(primary, exit, () => primary.start());
    else if (exit.what === nats?.what) supervisor.restart(nats, exit, () => nats.start());
    else if (replica && exit.what === replica.what) supervisor.restart(replica, exit, startReplica);
    else onGivenUp(exit);
  };

  async function startReplica(): Promise<void> {
    await waitUntil(() => stopped || parts.primary?.state === 'running', PRIMARY_WAIT_MS);
    if (!stopped) await parts.replica?.startFollowing();
  }

  async function lookAtNats(): Promise<void> {
    const { nats } = parts;
    if (nats?.state !== 'running') return;
    unserved = (await nats.isServing()) ? 0 : unserved + 1;
    if (unserved < UNSERVED_LOOKS || !supervisor.hasSpace(nats) || nats.state !== 'running' || stopped) return;
    unserved = 0;
    parts.progress('NATS has given up JetStream, as it does on a full disk; there is space again: restarting it');
    // NATS no longer handles SIGTERM in this state; acknowledged messages are in its files.
    await nats.stop('immediate');
    supervisor.restart(nats, { what: nats.what, code: 0, log: '' }, () => nats.start());
  }

  function lookLater(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      void lookAtNats()
        .catch((error: Error) => parts.progress(`NATS could not be looked at: ${error.message}`))
        .then(lookLater);
    }, LOOK_EVERY_MS);
    timer.unref();
  }

  return {
    watchNats: lookLater,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await supervisor.stop();
    },
  };
}
