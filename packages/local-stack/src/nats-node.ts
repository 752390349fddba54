import { chmod, chown, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { natsAuthorization } from '@tidemark/contracts';
import { assertPortFree } from './free-port.ts';
import type { GuardedCommand } from './guard.ts';
import { makeServerFolder } from './home-folder.ts';
import { canSyncAlways, type NatsBinary } from './nats-binary.ts';
import { natsRequest } from './nats-request.ts';
import { type NatsPasswords, type NatsUserName, natsUsers } from './nats-users.ts';
import { reclaimFolder } from './reclaim.ts';
import { type ServerOptions, ServerProcess, type StopStep } from './server-process.ts';

export interface NatsLimits {
  /** Limit of all memory streams together, in bytes. */
  maxMemory: number;
  /** Limit of all file streams together, in bytes. */
  maxFile: number;
}

export const NATS_LIMITS: NatsLimits = { maxMemory: 256 * 1024 * 1024, maxFile: 8 * 1024 * 1024 * 1024 };

export interface NatsOptions extends ServerOptions {
  binary: NatsBinary;
  passwords: NatsPasswords;
  /** NATS_PREFIX of the services, which the permissions of their users contain. */
  prefix: string;
  /** Lines for the configuration file, such as a `tls` block. */
  settings: string;
  durable: boolean;
  limits: NatsLimits;
  onProgress: (line: string) => void;
}

export type NatsStopMode = 'fast' | 'immediate';

/** SIGTERM lets the server write the state of its streams. */
const STEPS: Record<NatsStopMode, StopStep[]> = { fast: [{ signal: 'SIGTERM', seconds: 8 }], immediate: [] };
/** Time limits in ms for the greeting of a connection, and for a response of JetStream. */
const GREETING_MS = 1_000;
const ANSWER_MS = 1_000;

/** Has no monitoring port, because that port asks for no password and shows every subject to all users of the machine. */
export class NatsNode extends ServerProcess {
  readonly #options: NatsOptions;

  constructor(options: NatsOptions) {
    super(options);
    this.#options = options;
  }

  get address(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get url(): string {
    return this.urlOf('admin');
  }

  urlOf(user: NatsUserName): string {
    return `nats://${user}:${this.#options.passwords[user]}@127.0.0.1:${this.port}`;
  }

  request<T>(subject: string, payload?: string): Promise<T> {
    return natsRequest<T>(this.url, subject, payload);
  }

  protected async prepare(): Promise<GuardedCommand> {
    const { binary, onProgress, what } = this.#options;
    const { user } = binary;
    await makeServerFolder(this.dataDir, user);
    await reclaimFolder(this.dataDir, 'nats-server', onProgress);
    await assertPortFree(this.port, what);
    const config = join(this.dataDir, 'nats.conf');
    await writeFile(config, this.#config(), { mode: 0o600 });
    // The mode of writeFile applies to new files only.
    await chmod(config, 0o600);
    if (user) await chown(config, user.uid, user.gid);
    return {
      command: binary.path,
      args: ['-c', config],
      cwd: this.dataDir,
      user,
      logFd: this.log.fd,
      env: { PATH: process.env.PATH ?? '', HOME: this.dataDir },
      soft: 'TERM',
      hard: 'KILL',
      graceSeconds: 8,
    };
  }

  #config(): string {
    const { durable, binary, limits, passwords, prefix, settings } = this.#options;
    // By default JetStream syncs every two minutes, so a crash of the machine would lose acknowledged messages.
    const sync = durable && canSyncAlways(binary.version) ? '\n  sync_interval: always' : '';
    return `# Written by @tidemark/local-stack before each start.
server_name: tidemark-local
listen: "127.0.0.1:${this.port}"
${natsAuthorization(natsUsers(passwords, prefix))}jetstream {
  store_dir: ${JSON.stringify(join(this.dataDir, 'store'))}
  max_memory_store: ${limits.maxMemory}
  max_file_store: ${limits.maxFile}${sync}
}
${settings}`;
  }

  /**
   * The server listens once JetStream has recovered its streams. A paused one accepts connections but does not greet.
   */
  protected isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port: this.port, timeout: GREETING_MS });
      const end = (ready: boolean) => {
        socket.destroy();
        resolve(ready);
      };
      socket.once('data', (greeting) => end(greeting.toString('latin1').startsWith('INFO ')));
      socket.once('timeout', () => end(false));
      // The server does not listen yet; the caller has the time limit.
      socket.once('error', () => end(false));
      socket.once('close', () => end(false));
    });
  }

  /**
   * JetStream gives up at the first write that finds the disk full. nats-server 2.9 then waits for a lock of its own
   * for ever: it takes connections, but answers no request to JetStream until a restart.
   */
  async isServing(): Promise<boolean> {
    return (await this.isReady()) && (await this.#answers('$JS.API.INFO'));
  }

  #answers(subject: string): Promise<boolean> {
    return natsRequest(this.url, subject, '', ANSWER_MS).then(
      () => true,
      () => false,
    );
  }

  async stop(mode: NatsStopMode = 'fast'): Promise<void> {
    await this.stopWith(STEPS[mode]);
  }
}
