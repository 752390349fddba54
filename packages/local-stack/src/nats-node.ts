import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertPortFree, freePort } from './free-port.ts';
import type { GuardedCommand } from './guard.ts';
import { makeServerFolder } from './home-folder.ts';
import { canSyncAlways, type NatsBinary } from './nats-binary.ts';
import { reclaimFolder } from './reclaim.ts';
import { type ServerOptions, ServerProcess, type StopStep } from './server-process.ts';

export interface NatsLimits {
  /** Bytes of all memory streams together. */
  maxMemory: number;
  /** Bytes of all file streams together. */
  maxFile: number;
}

export const NATS_LIMITS: NatsLimits = { maxMemory: 256 * 1024 * 1024, maxFile: 8 * 1024 * 1024 * 1024 };

export interface NatsOptions extends ServerOptions {
  binary: NatsBinary;
  /** Absent or 0: a free one. */
  monitorPort: number | undefined;
  durable: boolean;
  limits: NatsLimits;
  onProgress: (line: string) => void;
}

export type NatsStopMode = 'fast' | 'immediate';

/** TERM lets it write its streams' state; a server that does not answer it in time is killed. */
const STEPS: Record<NatsStopMode, StopStep[]> = { fast: [{ signal: 'SIGTERM', seconds: 8 }], immediate: [] };
/** Milliseconds for one look at the monitoring port. */
const HEALTH_MS = 1_000;

/** A nats-server with JetStream on 127.0.0.1, open to every process of this machine (no password). */
export class NatsNode extends ServerProcess {
  readonly #options: NatsOptions;
  #monitorPort = 0;

  constructor(options: NatsOptions) {
    super(options);
    this.#options = options;
  }

  /** Known from the first start on. */
  get monitorPort(): number {
    return this.#monitorPort;
  }

  protected override async choosePorts(): Promise<void> {
    await super.choosePorts();
    this.#monitorPort = this.#options.monitorPort || (await freePort());
  }

  /** `nats://127.0.0.1:<port>` */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** `http://127.0.0.1:<port>`, with /varz, /jsz, /connz and /healthz. */
  get monitorUrl(): string {
    return `http://127.0.0.1:${this.monitorPort}`;
  }

  protected async prepare(): Promise<GuardedCommand> {
    const { binary, onProgress, what } = this.#options;
    const { user } = binary;
    await makeServerFolder(this.dataDir, user);
    await reclaimFolder(this.dataDir, 'nats-server', onProgress);
    await assertPortFree(this.port, what);
    await assertPortFree(this.monitorPort, `${what} (monitoring)`);
    const config = join(this.dataDir, 'nats.conf');
    await writeFile(config, this.#config());
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
    const { durable, binary, limits } = this.#options;
    // By default JetStream fsyncs every two minutes: a crash of the machine would lose what it has acknowledged.
    const sync = durable && canSyncAlways(binary.version) ? '\n  sync_interval: always' : '';
    return `# Written by @tidemark/local-stack before each start.
server_name: tidemark-local
listen: "127.0.0.1:${this.port}"
http: "127.0.0.1:${this.monitorPort}"
jetstream {
  store_dir: ${JSON.stringify(join(this.dataDir, 'store'))}
  max_memory_store: ${limits.maxMemory}
  max_file_store: ${limits.maxFile}${sync}
}
`;
  }

  protected isReady(): Promise<boolean> {
    return this.#isOk('/healthz');
  }

  async #isOk(path: string): Promise<boolean> {
    try {
      const answer = await fetch(`${this.monitorUrl}${path}`, { signal: AbortSignal.timeout(HEALTH_MS) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false; // not listening yet: the caller has the deadline
    }
  }

  /**
   * False when JetStream has given up, as it does at the first write that finds the disk full; only a restart ends that.
   * nats-server 2.9 then waits for a lock of its own for ever: /healthz still says ok, and only /jsz shows it.
   */
  async isServing(): Promise<boolean> {
    return (await this.#isOk('/healthz')) && (await this.#isOk('/jsz'));
  }

  /** `fast` (the default) lets it finish writing; `immediate` is SIGKILL. */
  async stop(mode: NatsStopMode = 'fast'): Promise<void> {
    await this.stopWith(STEPS[mode]);
  }
}
