/** A database, a NATS prefix, a files folder, and real batch processes (dist/main.js), for one test file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateImages } from '@tidemark/blueprints';
import { type Database, type Identity, migrate, openDatabase, type Row } from '@tidemark/db';
import {
  createFileRegistry,
  type FileRegistry,
  type FileRow,
  type FileStore,
  openFileStore,
  type Visibility,
} from '@tidemark/files';
import { METRICS_ENV, until, useTestStack } from '@tidemark/testing';
import type { TestS3 } from '@tidemark/testing/s3';
import type { Test } from 'tap';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Sees every file. */
export const SERVICE: Identity = { role: 'service_role', claims: '{}' };

export interface BatchProcess {
  child: ChildProcess;
  url: string;
  /** Returns the log of the service. */
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface AddOptions {
  owner?: string | null;
  visibility?: Visibility;
}

export interface BatchStack {
  database: Database;
  databaseUrl: string;
  store: FileStore;
  registry: FileRegistry;
  filesDir: string;
  natsPrefix: string;
  query<R extends Row = Row>(text: string, params?: unknown[]): Promise<R[]>;
  startBatch(env?: Record<string, string>): Promise<BatchProcess>;
  /** Stores the bytes with a row; resolves to its id. */
  addFile(filePath: string, bytes: Buffer, options?: AddOptions & { contentType?: string }): Promise<string>;
  /** Generated images below a prefix; their ids, in order of path. */
  addImages(prefix: string, count: number, options?: AddOptions & { seed?: number }): Promise<string[]>;
  insertJob(
    spec: unknown,
    options?: { priority?: string; kind?: string; sub?: string; role?: string },
  ): Promise<string>;
  job(id: string): Promise<Row>;
  /** The rows of a job's results, by path. */
  outputsOf(job: string): Promise<FileRow[]>;
  /** Polls until the job has ended. */
  ended(id: string, withinMs?: number): Promise<Row>;
}

/** Files are in a folder, or in the bucket that is given. */
export async function openBatchStack(t: Test, bucket?: TestS3): Promise<BatchStack> {
  const stack = await useTestStack();
  await stack.template('batch', async (url) => {
    await migrate(url);
  });
  const { primaryUrl, drop } = await stack.database({ template: 'batch' });
  const natsPrefix = stack.natsPrefix();
  const filesDir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-batch-'));
  const database = await openDatabase({ primaryUrl, applicationName: 'batch test', pools: { write: { max: 4 } } });
  const store = await openFileStore(bucket?.options ?? { dir: filesDir });
  const registry = createFileRegistry(database.pools.write);
  const children = new Set<BatchProcess>();
  t.teardown(async () => {
    for (const batch of children) await batch.stop('SIGKILL');
    store.close();
    await database.close(1_000);
    await drop();
    await rm(filesDir, { recursive: true, force: true });
  });

  const query: BatchStack['query'] = async (text, params = []) =>
    (await database.pools.write.query(text, params as never)) as never;

  const self: BatchStack = {
    database,
    databaseUrl: primaryUrl,
    store,
    registry,
    filesDir,
    natsPrefix,
    query,
    async startBatch(env = {}) {
      const batch = await spawnBatch({
        ...process.env,
        DATABASE_URL: primaryUrl,
        NATS_URL: stack.natsUrl,
        NATS_PREFIX: natsPrefix,
        TIDEMARK_FILES_DIR: filesDir,
        ...bucket?.env,
        ...METRICS_ENV,
        PORT: '0',
        BATCH_SWEEP_MS: '200',
        LOG_LEVEL: 'debug',
        MALLOC_ARENA_MAX: '2',
        ...env,
      });
      children.add(batch);
      return batch;
    },
    async addFile(filePath, bytes, { owner = null, visibility, contentType = 'application/octet-stream' } = {}) {
      const { key: storageKey, size, sha256 } = await store.put(bytes, { limitBytes: 1e9 });
      const [file] = await database.pools.write.transaction((tx) =>
        registry.insert(tx, [{ path: filePath, contentType, size, sha256, storageKey, owner, visibility }]),
      );
      return file!.id;
    },
    async addImages(prefixOf, count, { seed = 1, ...options } = {}) {
      const ids: string[] = [];
      for await (const image of generateImages({ count, seed })) {
        ids.push(
          await self.addFile(`${prefixOf}${image.name}`, image.bytes, { ...options, contentType: image.contentType }),
        );
      }
      return ids;
    },
    async insertJob(spec, { priority = 'normal', kind = 'image.transform', sub, role = 'service_role' } = {}) {
      const claims = JSON.stringify({ sub, role });
      const text = 'insert into tidemark.jobs (id, kind, spec, priority) values ($1, $2, $3, $4)';
      const id = randomUUID();
      await database.pools.write.transaction((tx) => tx.query(text, [id, kind, JSON.stringify(spec), priority]), {
        identity: { role, claims },
      });
      return id;
    },
    outputsOf: (job) => registry.list(SERVICE, { prefix: `jobs/${job}/`, limit: 10_000 }),
    job: async (id) => (await query('select * from tidemark.jobs where id = $1', [id]))[0] as Row,
    ended: (id, withinMs = 30_000) =>
      until(
        async () => {
          const job = await self.job(id);
          return ['succeeded', 'partly_failed', 'failed', 'cancelled'].includes(job.state) ? job : undefined;
        },
        `the end of job ${id}`,
        withinMs,
      ),
  };
  return self;
}

async function spawnBatch(env: NodeJS.ProcessEnv): Promise<BatchProcess> {
  const { NODE_OPTIONS: _, ...clean } = env;
  const child = spawn(process.execPath, [MAIN], { env: clean, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let log = '';
  const keep = (data: Buffer) => {
    log = (log + data).slice(-2_000_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: { type: string; url: string }) => {
      if (message.type === 'ready') resolve(message.url);
    });
    void exited.then((code) => reject(new Error(`batch ended with ${code}:\n${log.slice(-3_000)}`)));
  });
  return {
    child,
    url,
    log: () => log,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}
