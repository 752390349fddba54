/** ClickHouse of Debian (18.16), as a server for one test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '@tidemark/local-stack';
import type { Test } from 'tap';
import { debianProgram } from './debian.ts';
import { errors } from './errors.ts';

/** The server and the libraries that no other package of a small image brings. */
const PACKAGES = [
  ...[
    'clickhouse-server',
    'clickhouse-common',
    'libcapnp-0.9.2',
    'libcctz2',
    'libcpuinfo0',
    'libfarmhash0',
    'libltdl7',
  ],
  ...[
    'libmariadb3',
    'libmetrohash1',
    'libodbc2',
    'libpcre3',
    'librdkafka1',
    'libre2-9',
    'libpococrypto80',
    'libpocodata80',
  ],
  ...[
    'libpocodataodbc80',
    'libpocofoundation80',
    'libpocojson80',
    'libpocomongodb80',
    'libpoconet80',
    'libpoconetssl80',
  ],
  ...['libpocoutil80', 'libpocoxml80'],
];
const PROGRAM = 'usr/sbin/clickhouse-server';
const READY_MS = 30_000;

export interface TestClickHouse {
  url: string;
  query<R>(text: string): Promise<R[]>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Returns the reason as a text where the server cannot be had: Debian builds it for amd64 and arm64, and apt-get must reach it. */
export async function useClickHouse(t: Test): Promise<TestClickHouse | string> {
  if (process.platform !== 'linux') return `Debian's packages need Linux, and this is ${process.platform}`;
  let program: Awaited<ReturnType<typeof debianProgram>>;
  try {
    program = await debianProgram(PACKAGES, PROGRAM);
  } catch (error) {
    return `Debian's clickhouse-server cannot be had for ${arch()}: ${(error as Error).message.split('\n').at(-1)}`;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-clickhouse-'));
  const port = await freePorts(2);
  for (const part of ['data', 'tmp', 'formats']) await mkdir(join(folder, part));
  await writeFile(join(folder, 'users.xml'), USERS);
  await writeFile(join(folder, 'config.xml'), config(folder, port));
  const url = `http://default:secret@127.0.0.1:${port}`;
  const query = async <R>(text: string): Promise<R[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body: text,
      headers: { authorization: `Basic ${Buffer.from('default:secret').toString('base64')}` },
    });
    const body = await answer.text();
    if (!answer.ok) throw new Error(body);
    return body.trim() === ''
      ? []
      : body
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as R);
  };
  let server: ChildProcess | undefined;
  let output = '';
  const kill = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  const start = async () => {
    server = spawn(program.path, [`--config-file=${join(folder, 'config.xml')}`], {
      cwd: folder,
      env: program.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const hear = (chunk: Buffer) => {
      output = `${output}${chunk}`.slice(-2_000);
    };
    server.stdout?.on('data', hear);
    server.stderr?.on('data', hear);
    const deadline = Date.now() + READY_MS;
    while (!(await query('select 1 as one format JSONEachRow').catch(() => undefined))) {
      if (server.exitCode !== null || Date.now() > deadline) {
        throw errors.SERVER_SILENT({ server: `ClickHouse (${output})`, seconds: READY_MS / 1_000 });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  t.teardown(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  await start();
  return { url, query, kill, start };
}

const config = (folder: string, port: number) => `<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <http_port>${port}</http_port><tcp_port>${port + 1}</tcp_port><listen_host>127.0.0.1</listen_host>
  <path>${folder}/data/</path><tmp_path>${folder}/tmp/</tmp_path><format_schema_path>${folder}/formats/</format_schema_path>
  <users_config>${folder}/users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>5368709</mark_cache_size>
</yandex>
`;

const USERS = `<yandex>
  <profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
  <users><default><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>
`;
