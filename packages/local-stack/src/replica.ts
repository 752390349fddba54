/** A cold copy of the primary, rebuilt by a backup of the running primary when it cannot follow. */
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type postgres from 'postgres';
import { checkDataFolder, copyDataFolder, isEmpty, systemIdentifier } from './data-folder.ts';
import { errors } from './errors.ts';
import type { GuardedCommand } from './guard.ts';
import { type Settings, writeOwned } from './postgres-config.ts';
import { cannotFollow } from './postgres-log.ts';
import { PostgresNode, type PostgresOptions, withClient } from './postgres-node.ts';
import { waitUntil } from './wait-until.ts';

export const REPLICATOR = 'tidemark_replicator';
/** Seconds until the stream must begin after the replica accepts connections; a reconnect takes 0.2 s. */
const FOLLOW_SECONDS = 15;

export interface ReplicaOptions extends PostgresOptions {
  primary: PostgresNode;
  replicatorPassword: string;
  /** The physical slot on the primary that retains WAL for this replica. */
  slot: string;
}

export class ReplicaNode extends PostgresNode {
  readonly #replica: ReplicaOptions;

  constructor(options: ReplicaOptions) {
    super(options);
    this.#replica = options;
  }

  protected override partSettings(): Settings {
    const { primary, slot } = this.#replica;
    const conninfo = `host=127.0.0.1 port=${primary.port} user=${REPLICATOR} passfile=${quoted(this.#passFile)}`;
    return { primary_conninfo: `${conninfo} application_name=${slot}`, primary_slot_name: slot };
  }

  get #passFile(): string {
    return join(this.dataDir, 'replicator.pgpass');
  }

  /**
   * Members of pg_monitor can read primary_conninfo, and a login for replication can copy the whole cluster, so the
   * password is in a file of its own.
   */
  protected override async prepare(): Promise<GuardedCommand> {
    const command = await super.prepare();
    const { replicatorPassword, user } = this.#replica;
    await writeOwned(this.#passFile, `*:*:*:${REPLICATOR}:${replicatorPassword}\n`, user);
    return command;
  }

  async copyCold(): Promise<void> {
    const { primary, user, durable } = this.#replica;
    const reason = this.#unusable();
    if (!reason) return;
    if (reason !== ABSENT) this.options.onProgress(`the replica is made anew: ${reason}`);
    await this.#keepPromoted();
    const options = { user, withWal: true, durable };
    await copyDataFolder(primary.dataDir, this.dataDir, options, (fresh) => this.#markStandby(fresh));
  }

  #unusable(): string | undefined {
    if (isEmpty(this.dataDir)) return ABSENT;
    if (!existsSync(join(this.dataDir, 'standby.signal'))) return 'it was promoted';
    try {
      checkDataFolder(this.dataDir, this.options.binaries);
      const same = systemIdentifier(this.dataDir) === systemIdentifier(this.#replica.primary.dataDir);
      return same ? undefined : 'it belongs to another primary';
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Such a folder may contain writes that exist nowhere else, so it is never removed. */
  async #keepPromoted(): Promise<void> {
    if (isEmpty(this.dataDir) || existsSync(join(this.dataDir, 'standby.signal'))) return;
    const aside = `${this.dataDir}.promoted-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
    this.options.onProgress(`the promoted replica is kept in ${aside}`);
    await rename(this.dataDir, aside);
  }

  async #markStandby(folder: string): Promise<void> {
    await writeOwned(join(folder, 'standby.signal'), '', this.#replica.user);
  }

  /** A replica that cannot follow is rebuilt once. The primary must run. */
  async startFollowing(): Promise<void> {
    const reason = await this.#tryFollow();
    if (!reason) return;
    this.options.onProgress(`the replica cannot follow (${reason}): rebuilding it from the primary`);
    await this.rebuild();
  }

  async #tryFollow(): Promise<string | undefined> {
    await this.#ensureSlot();
    try {
      const ready = this.start();
      const stuck = this.#watchForReasons();
      const first = await Promise.race([ready.then(() => undefined), stuck.reason]);
      stuck.cancel();
      if (first !== undefined) {
        await this.stop('immediate');
        await ready.catch(() => {}); // We have ended it, so the reason is known.
        return first;
      }
      return await this.#waitForStream();
    } catch (error) {
      const { code, message, details } = error as { code?: string; message: string; details?: string };
      if (code === 'STACK_PORT_IN_USE' || code === 'STACK_DISK_FULL') throw error;
      return details?.split('\n').at(-1) ?? message;
    }
  }

  /** Watches the log, because a starting replica accepts no queries. */
  #watchForReasons(): { reason: Promise<string>; cancel: () => void } {
    let cancelled = false;
    const reason = waitUntil(() => cancelled || cannotFollow(this.log.sinceMark()), 600_000);
    const text = reason.then((found) => (typeof found === 'string' ? found : new Promise<string>(() => {})));
    return {
      reason: text,
      cancel: () => {
        cancelled = true;
      },
    };
  }

  /**
   * Asks the primary, since a standby calls its receiver "streaming" before it has connected. In "catchup" the sender
   * counts only when it gets on, as WAL that is gone ends it there.
   */
  async #waitForStream(): Promise<string | undefined> {
    const { primary, slot } = this.#replica;
    let first: { pid: number; sent: string } | undefined;
    const state = await withClient(primary.url, (sql) =>
      waitUntil(async () => {
        const [sender] = await sql`select pid, state, sent_lsn::text as sent from pg_stat_replication
          where application_name = ${slot} and sent_lsn is not null`;
        if (sender?.state === 'streaming') return STREAMING;
        if (sender && first?.pid === sender.pid && first?.sent !== sender.sent) return STREAMING;
        if (sender && first?.pid !== sender.pid) first = { pid: sender.pid, sent: sender.sent };
        return cannotFollow(this.log.sinceMark());
      }, FOLLOW_SECONDS * 1000),
    );
    if (state === STREAMING) return undefined;
    await this.stop('immediate');
    return state ?? `no stream within ${FOLLOW_SECONDS} s`;
  }

  /** Keeps the slot if it still holds WAL; an invalidated one can only be replaced. */
  async #ensureSlot(replace = false): Promise<void> {
    const { primary, slot } = this.#replica;
    await withClient(primary.url, async (sql) => {
      const [found] = await sql`select wal_status, active_pid from pg_replication_slots where slot_name = ${slot}`;
      if (found && !replace && found.wal_status !== 'lost') return;
      if (found?.active_pid) await endWalSender(sql, slot);
      if (found) await sql`select pg_drop_replication_slot(${slot})`;
      await sql`select pg_create_physical_replication_slot(${slot}, true)`;
    });
  }

  /**
   * A low-level base backup ("Continuous Archiving" in Postgres's manual): start and stop on one connection; the
   * label goes into the copy; WAL comes through the slot.
   */
  async rebuild(): Promise<void> {
    const { primary, user, durable } = this.#replica;
    if (this.state !== 'stopped') await this.stop('immediate');
    await this.#keepPromoted();
    await this.#ensureSlot(true);
    await withClient(primary.url, async (sql) => {
      await sql`select pg_backup_start('tidemark replica', true)`;
      const options = { user, withWal: false, durable };
      await copyDataFolder(primary.dataDir, this.dataDir, options, async (fresh) => {
        const [label] = await sql`select labelfile, spcmapfile from pg_backup_stop(wait_for_archive => false)`;
        if (label?.spcmapfile) throw errors.TABLESPACES({ folder: primary.dataDir });
        await writeOwned(join(fresh, 'backup_label'), String(label?.labelfile), user);
        await this.#markStandby(fresh);
      });
    });
    await this.start();
    const reason = await this.#waitForStream();
    if (reason)
      throw errors.TIMED_OUT({ what: 'streaming to the rebuilt replica', seconds: FOLLOW_SECONDS, log: reason });
  }

  /** Pauses replay: the replica then answers with old data. Resolves when replay is paused. */
  async pauseReplay(): Promise<void> {
    await this.query('select pg_wal_replay_pause()');
    const paused = await withClient(this.url, (sql) =>
      waitUntil(async () => (await sql`select pg_get_wal_replay_pause_state() as s`)[0]?.s === 'paused', 10_000),
    );
    if (!paused) throw errors.TIMED_OUT({ what: 'the pause of replay', seconds: 10, log: this.log.sinceMark() });
  }

  async resumeReplay(): Promise<void> {
    await this.query('select pg_wal_replay_resume()');
  }

  /** The next start of the stack moves the folder away and makes a new replica. */
  async promote(): Promise<void> {
    await this.query('select pg_promote(true, 60)');
  }

  async caughtUp(limitSeconds = 30): Promise<void> {
    const [row] = await this.#replica.primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
    const done = await withClient(this.url, (sql) => replayed(sql, row?.lsn ?? '0/0', limitSeconds * 1000));
    if (!done)
      throw errors.TIMED_OUT({ what: `replay up to ${row?.lsn}`, seconds: limitSeconds, log: this.log.sinceMark() });
  }
}

const quoted = (value: string) => `'${value.replaceAll(/[\\']/g, '\\$&')}'`;

const ABSENT = 'there is none yet';
const STREAMING = Symbol('streaming');

export async function replayed(sql: postgres.Sql, lsn: string, limitMs: number): Promise<boolean> {
  const done = await waitUntil(async () => {
    const [row] = await sql`select pg_last_wal_replay_lsn() >= ${lsn}::pg_lsn as done`;
    return row?.done === true;
  }, limitMs);
  return done === true;
}

/** A slot in use cannot be dropped; it is free a moment later. */
export async function endWalSender(sql: postgres.Sql, slot: string): Promise<void> {
  const free = await waitUntil(async () => {
    const [row] = await sql`select pg_terminate_backend(active_pid) as sent
      from pg_replication_slots where slot_name = ${slot} and active_pid is not null`;
    return row === undefined;
  }, 10_000);
  if (!free) throw errors.TIMED_OUT({ what: `the end of the user of slot ${slot}`, seconds: 10, log: '' });
}
