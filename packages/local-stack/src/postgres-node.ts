import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { assertPortFree } from './free-port.ts';
import type { GuardedCommand } from './guard.ts';
import { adoptFolder } from './home-folder.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { type Settings, writeConfig } from './postgres-config.ts';
import { reclaimFolder } from './reclaim.ts';
import { type ServerOptions, ServerProcess, type StopStep } from './server-process.ts';
import type { User } from './unprivileged-user.ts';

export type StopMode = 'smart' | 'fast' | 'immediate';

export interface PostgresOptions extends ServerOptions {
  binaries: PostgresBinaries;
  user: User | undefined;
  durable: boolean;
  settings: Settings;
  password: string;
  onProgress: (line: string) => void;
}

/** Each mode of pg_ctl is followed by a harder one, so that a client that does not disconnect cannot block the stop. */
const STEPS: Record<StopMode, StopStep[]> = {
  smart: [
    { signal: 'SIGTERM', seconds: 10 },
    { signal: 'SIGINT', seconds: 10 },
    { signal: 'SIGQUIT', seconds: 6 },
  ],
  fast: [
    { signal: 'SIGINT', seconds: 10 },
    { signal: 'SIGQUIT', seconds: 6 },
  ],
  immediate: [{ signal: 'SIGQUIT', seconds: 6 }],
};

/** Line of postmaster.pid that holds the state (LOCK_FILE_LINE_PM_STATUS in utils/pidfile.h), from 0. */
const STATUS_LINE = 7;

export class PostgresNode extends ServerProcess {
  protected readonly options: PostgresOptions;

  constructor(options: PostgresOptions) {
    super(options);
    this.options = options;
  }

  get url(): string {
    return this.urlOf('postgres');
  }

  urlOf(database: string): string {
    return `postgres://postgres:${this.options.password}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  protected partSettings(): Settings {
    return {};
  }

  protected async prepare(): Promise<GuardedCommand> {
    const { binaries, user, durable, settings, onProgress, what } = this.options;
    const { dataDir, port } = this;
    await reclaimFolder(dataDir, 'postgres', onProgress);
    await adoptFolder(dataDir, user, onProgress);
    await assertPortFree(port, what);
    await writeConfig({ dataDir, port, durable, user, settings, part: this.partSettings() });
    return {
      command: binaries.postgres,
      args: ['-D', dataDir],
      cwd: dataDir,
      user,
      logFd: this.log.fd,
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
      soft: 'INT',
      hard: 'QUIT',
      graceSeconds: 10,
    };
  }

  protected isReady(pid: number): boolean {
    const lines = readStatus(join(this.dataDir, 'postmaster.pid'));
    return Number(lines[0]) === pid && lines[STATUS_LINE]?.trim() === 'ready';
  }

  /** `fast` ends sessions; `immediate` causes recovery at the next start. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.stopWith(STEPS[mode]);
  }

  async query<T = Record<string, unknown>>(text: string, parameters: (string | number)[] = []): Promise<T[]> {
    return withClient(this.url, async (sql) => [...(await sql.unsafe(text, parameters))] as T[]);
  }
}

export async function withClient<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => {}, fetch_types: false, prepare: false });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function readStatus(file: string): string[] {
  try {
    return readFileSync(file, 'latin1').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
