/** Runs the commands of the README, from `npm start` to Ctrl-C, and checks that they do what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@tidemark/testing';
import { launchChromium } from '@tidemark/testing/browser';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { launch, nothingLeft, root } from './tidemark-up.ts';

const readme = await readFile(join(root, 'README.md'), 'utf8');
const commands = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => (match[1] as string).trim());

t.test('every command of the README works', { timeout: 300_000 }, async (t) => {
  t.match(commands, [
    /^npm start/,
    /^npm test/,
    /^TOKEN=/,
    /commentary/,
    /Tidemark: \$TIDE/,
    /wscat/,
    /\/jobs/,
    /performance\/health/,
  ]);
  t.equal(commands.length, 8, 'and each is run below');
  const scripts = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).scripts;
  t.ok(scripts.test, '`npm test` is what runs this');
  const [, , token, write, read, watch, batch, health] = commands as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];

  const up = await launch(t, { npm: true });
  t.equal(await up.line(/^ready /), `ready http://127.0.0.1:${up.port}`);
  /** The same text, for where this instance is. */
  const here = (command: string) =>
    command.replaceAll('127.0.0.1:8080', `127.0.0.1:${up.port}`).replaceAll('./.tidemark/', `${up.home}/`);

  const written = await bash(`${here(token)}\n${here(write)}\necho "TIDE=$TIDE"`);
  t.match(written, /HTTP\/1.1 201/);
  const tide = /TIDE=(\S+)/.exec(written)?.[1] as string;
  t.match(tide, /^[0-9a-z]+-[0-9A-F]{16}$/);

  const answer = await bash(`TIDE=${tide}\n${here(read)}`);
  t.match(answer, /HTTP\/1.1 200/);
  t.match(answer, /tidemark-source: replica/);
  t.match(answer, /What a finish!/);
  t.ok((/^tidemark: (\S+)/m.exec(answer)?.[1] as string) >= tide, 'the answer is at least as new as the write');

  const watcher = interactive(here(watch));
  t.teardown(() => watcher.stop());
  await until(() => /"op":"snapshot".*What a finish!/.test(watcher.output()), undefined, 90_000);
  await bash(`${here(token)}\n${here(write).replace('What a finish!', 'And again!')}`);
  await until(() => /"op":"changes".*"insert".*And again!/.test(watcher.output()));
  const { sqlUrl } = { sqlUrl: /postgres {5}(\S+)/.exec(up.output())?.[1] as string };
  await insertBySql(sqlUrl);
  await until(() => /"op":"changes".*"insert".*Straight into Postgres/.test(watcher.output()));

  const frame = '{"op":"subscribe","id":"j","query":"jobs","profile":"tidemark","snapshot":true}';
  const withToken = watch.replace(' -s tidemark.v1', ' -H "Authorization: Bearer $TOKEN" -s tidemark.v1');
  const jobs = interactive(here(`${token}; ${withToken.replace(/-x .*/, `-x '${frame}'`)}`));
  t.teardown(() => jobs.stop());
  await until(() => jobs.output().includes('"op":"snapshot"'), undefined, 90_000);
  const job = JSON.parse(await bash(`${here(token)}\n${here(batch)}`));
  t.match(job, { kind: 'image.transform', state: 'queued' });
  await until(() => /"state": ?"succeeded"/.test(jobs.output()), undefined, 120_000);
  t.match(jobs.output(), /"state": ?"running"/, 'progress came as changes');

  const credentials = JSON.parse(await readFile(join(up.home, 'credentials.json'), 'utf8'));
  const asUser = { headers: { authorization: `Bearer ${credentials.user}` } };
  const base = `http://127.0.0.1:${up.port}`;
  t.match(await (await fetch(`${base}/api/v1/jobs/${job.id}`, asUser)).json(), {
    state: 'succeeded',
    total: 300,
    done: 300,
    failed: 0,
  });
  const outputs = (await (await fetch(`${base}/api/v1/files?prefix=jobs/${job.id}/&limit=1000`, asUser)).json()) as {
    href: string;
    content_type: string;
  }[];
  t.equal(outputs.length, 300);
  const output = await fetch(`${base}${outputs[0]?.href}`, asUser);
  t.equal(output.headers.get('content-type'), 'image/webp');
  t.equal(
    Buffer.from(await output.arrayBuffer())
      .subarray(8, 12)
      .toString('latin1'),
    'WEBP',
  );

  const figures = JSON.parse(await bash(here(health)));
  t.equal(figures.status, 'ok', JSON.stringify(figures.problems));
  t.same(figures.instances.map((i: { service: string }) => i.service).sort(), [
    'batch',
    'gateway',
    'metrics',
    'realtime',
  ]);
  t.match(figures, {
    postgres: { status: 'ok', replication: [{ state: 'streaming' }] },
    nats: { status: 'ok' },
  });

  await seeConsole(t, /console (\S+)/.exec(up.output())?.[1] as string);

  watcher.stop();
  jobs.stop();
  process.kill(-(up.child.pid as number), 'SIGINT');
  await up.ended;
  const lines = up.output().split('\n');
  const order = [
    'stopping gateway',
    'stopping realtime',
    'stopping batch',
    'stopping metrics',
    'stopping NATS, the replica and the primary',
  ];
  const places = order.map((text) => lines.findIndex((line) => line.endsWith(text)));
  t.notOk(places.includes(-1), up.output());
  t.same(
    places,
    [...places].sort((a, b) => a - b),
    'stopped in order',
  );
  t.ok(await until(() => nothingLeft(up.home)), 'nothing is left running');
});

/** A real browser shows figures of the running services. */
async function seeConsole(t: Test, url: string): Promise<void> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByRole('link', { name: 'Processes' }).click();
    for (const instance of ['gateway-1', 'realtime-1', 'batch-1']) {
      await page.getByText(instance).first().waitFor({ timeout: 30_000 });
    }
    t.notMatch(page.url(), /code|token/, 'the code has left the address bar');
  } finally {
    await browser.close();
  }
}

async function bash(script: string): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`code ${code} of ${script}:\n${output}\n${errors}`);
  return output;
}

/** A command that runs until it is stopped, with a terminal's open input. */
function interactive(script: string): { output(): string; stop(): void } {
  const child: ChildProcess = spawn('bash', ['-c', script], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output += chunk;
  });
  return {
    output: () => output,
    stop: () => {
      if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

async function insertBySql(url: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    await sql`insert into commentary (match_id, minute, message) values (1, 93, 'Straight into Postgres')`;
  } finally {
    await sql.end();
  }
}
