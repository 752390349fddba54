import { errors } from './errors.ts';
import { openHome } from './home-folder.ts';
import { type HomeLock, lockHome } from './home-lock.ts';
import { keepRunning } from './keep-running.ts';
import type { Parts, Stack, StackOptions } from './stack-options.ts';
import { startNats } from './start-nats.ts';
import { startPostgres } from './start-postgres.ts';
import { unprivilegedUser } from './unprivileged-user.ts';

/** The servers end with this process, however it ends, and do not keep its event loop alive. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const user = unprivilegedUser();
  const progress = options.onProgress ?? (() => {});
  const folder = await openHome(options.home, user, progress);
  const lock = lockHome(folder.home);
  const parts: Parts = { options, folder, user, progress, onExit: options.onExit ?? (() => {}) };
  const keeper = options.restart ? keepRunning(parts) : undefined;
  // Both starts settle before a failure of one stops the other.
  const started = await Promise.allSettled([
    options.nats === false ? undefined : startNats(parts),
    options.postgres === false ? undefined : startPostgres(parts),
  ]);
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    await keeper?.stop();
    await stopAll(parts, lock);
    throw failed.reason;
  }
  keeper?.watchNats();
  let stopping: Promise<void> | undefined;
  return {
    get primary() {
      return present(parts.primary, 'Postgres primary');
    },
    replicas: parts.replica ? [parts.replica] : [],
    get nats() {
      return present(parts.nats, 'NATS');
    },
    dataFolder: folder.data,
    stop: () => {
      stopping ??= (async () => {
        await keeper?.stop();
        await stopAll(parts, lock);
      })();
      return stopping;
    },
  };
}

function present<T>(node: T | undefined, what: string): T {
  if (!node) throw errors.NOT_RUNNING({ what, action: 'be used: the stack was started without it' });
  return node;
}

/** s within which Postgres writes what it has in memory, which its shutdown does in any case. */
const CHECKPOINT_S = 30;
/** s within which the replica reads the record of the checkpoint. */
const REPLAY_S = 5;

/**
 * At its start a replica replays the WAL since the last checkpoint that it had read at its stop: after an import, hundreds of MB.
 * A checkpoint of the primary just before leaves it nothing to replay.
 */
async function shortenReplay({ primary, replica, options }: Parts): Promise<void> {
  if (options.durable === false || primary?.state !== 'running' || replica?.state !== 'running') return;
  await primary.query(`set statement_timeout = '${CHECKPOINT_S}s'; checkpoint`);
  await replica.caughtUp(REPLAY_S);
}

/** Readers stop before writers. A failure to stop one does not prevent stopping the others. */
async function stopAll(parts: Parts, lock: HomeLock): Promise<void> {
  const failures: unknown[] = [];
  await shortenReplay(parts).catch((error: Error) =>
    parts.progress(`the next start may take longer: ${error.message}`),
  );
  for (const node of [parts.nats, parts.replica, parts.primary]) {
    try {
      await node?.stop();
      node?.dispose();
    } catch (error) {
      failures.push(error);
    }
  }
  lock.release();
  if (failures.length > 0) throw failures[0];
}
