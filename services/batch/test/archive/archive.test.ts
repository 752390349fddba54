import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { type ZipEntry, zipStream } from '../../src/archive/zip-stream.ts';
import { openBatchStack } from '../batch-stack.ts';

const run = promisify(execFile);
const folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-archive-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

/** An independent reader finds names and sizes, after it has checked every checksum. */
async function readZip(file: string): Promise<Record<string, number>> {
  const script = `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
print(json.dumps({i.filename: i.file_size for i in z.infolist()}))`;
  const { stdout } = await run('python3', ['-c', script, file], { maxBuffer: 1e8 });
  return JSON.parse(stdout);
}

t.test('an archive has the files of a prefix that the submitter may see, and a manifest', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch();
  const text = Buffer.from('line\n'.repeat(20_000));
  const noise = randomBytes(200_000);
  await stack.addFile('docs/a.txt', text, { owner: 'ada', contentType: 'text/plain' });
  await stack.addFile('docs/A.txt', Buffer.from('other'), { owner: 'ada', contentType: 'text/plain' });
  await stack.addFile('docs/日本/naïve.bin', noise, { owner: 'ada' });
  await stack.addFile('docs/empty', Buffer.alloc(0), { owner: 'ada' });
  await stack.addFile('docs/secret.txt', Buffer.from('of bob'), { owner: 'bob' });
  const submit = (spec: object) => stack.insertJob(spec, { kind: 'archive', role: 'authenticated', sub: 'ada' });
  const id = await submit({ input: { prefix: 'docs/' }, name: 'my docs' });
  t.match(await stack.ended(id), { state: 'succeeded', done: 1 });
  const [file] = await stack.outputsOf(id);
  t.match(file, { path: `jobs/${id}/000000-my docs.zip`, content_type: 'application/zip', owner: 'ada' });
  const zip = await stack.store.read(file!.storage_key, 1e8);
  const local = path.join(folder, 'docs.zip');
  await writeFile(local, zip);
  const entries = await readZip(local);
  const { 'manifest.ndjson': manifestBytes, ...rest } = entries;
  t.same(rest, { 'A.txt': 5, 'a (2).txt': text.length, empty: 0, '日本/naïve.bin': noise.length });
  t.ok(zip.length < noise.length + 20_000, 'text is compressed');
  const { stdout } = await run('unzip', ['-p', local, 'manifest.ndjson']);
  t.equal(Buffer.byteLength(stdout), manifestBytes);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(
    lines.find(({ name }) => name === 'a (2).txt'),
    { path: 'docs/a.txt', size: text.length, sha256: /^[0-9a-f]{64}$/ },
  );
  const [item] = await stack.query('select value from tidemark.job_items where job_id = $1', [id]);
  t.match(item!.value, { files: 4, archiveBytes: zip.length, sha256: file!.sha256 });

  const hidden = await submit({ input: { files: ['123e4567-e89b-42d3-a456-426614174000'] } });
  t.match(await stack.ended(hidden), { state: 'failed', error: { code: 'BATCH_INPUT_NOT_FOUND' } });
  const gone = await stack.addFile('gone/x', Buffer.from('soon gone'), { owner: 'ada' });
  const [row] = await stack.registry.findMany({ role: 'service_role', claims: '{}' }, [gone]);
  await stack.store.delete(row!.storage_key);
  const broken = await stack.ended(await submit({ input: { files: [gone] } }));
  t.match(broken, { state: 'failed', error: { items: [{ code: 'BATCH_INPUT_GONE', message: /gone\/x/ }] } });
});

t.test('an archive of more than 65,535 entries is a ZIP64', async (t) => {
  async function* entries(): AsyncGenerator<ZipEntry> {
    for (let n = 0; n < 65_600; n += 1) {
      const open = async () => Readable.from([Buffer.from(String(n))]);
      yield { name: `${n % 100}/${n}`, size: String(n).length, modifiedAt: new Date(), compress: false, open };
    }
  }
  const local = path.join(folder, 'many.zip');
  await pipeline(zipStream(entries(), new AbortController().signal), createWriteStream(local));
  const { stdout } = await run('python3', [
    '-c',
    'import sys, zipfile; print(len(zipfile.ZipFile(sys.argv[1]).namelist()))',
    local,
  ]);
  t.equal(stdout.trim(), '65600');
  await run('unzip', ['-tqq', local], { maxBuffer: 1e8 });
});

t.test('an archive with more than 4 GB before or in an entry is a ZIP64', async (t) => {
  const size = 4 * 1024 ** 3 + 1;
  const zeros = Buffer.alloc(1024 ** 2);
  function* large() {
    for (let left = size; left > 0; left -= zeros.length) yield zeros.subarray(0, Math.min(left, zeros.length));
  }
  async function* entries(): AsyncGenerator<ZipEntry> {
    const shared = { modifiedAt: new Date(), compress: false };
    yield { ...shared, name: 'large', size, open: async () => Readable.from(large(), { objectMode: false }) };
    yield { ...shared, name: 'small', size: 5, open: async () => Readable.from([Buffer.from('hello')]) };
  }
  const local = path.join(folder, 'large.zip');
  await writeSparse(zipStream(entries(), new AbortController().signal), local, zeros);
  const script = `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
with z.open('large') as f: assert f.read(100) == bytes(100)
print(json.dumps([[i.file_size, i.header_offset > 2 ** 32, i.CRC] for i in z.infolist()] + [z.read('small').decode()]))`;
  const { stdout } = await run('python3', ['-c', script, local]);
  // zlib.crc32 of as many zeros.
  t.same(JSON.parse(stdout), [[size, false, 1_104_745_215], [5, true, 0x36_10_a6_86], 'hello']);
});

/** Leaves out zeros, so that the file takes no space. */
async function writeSparse(source: Readable, file: string, zeros: Buffer): Promise<void> {
  const handle = await open(file, 'w');
  let at = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (!chunk.equals(zeros.subarray(0, chunk.length))) await handle.write(chunk, 0, chunk.length, at);
    at += chunk.length;
  }
  await handle.truncate(at);
  await handle.close();
}

t.test('one entry that fails makes the archive fail', async (t) => {
  async function* entries(): AsyncGenerator<ZipEntry> {
    const open = async () => {
      throw new Error('its bytes are gone');
    };
    yield { name: 'a', size: 1, modifiedAt: new Date(), compress: true, open };
  }
  // A file would still be opened after the rejection, while the teardown removes its folder.
  await t.rejects(buffer(zipStream(entries(), new AbortController().signal)), /its bytes are gone/);
});
