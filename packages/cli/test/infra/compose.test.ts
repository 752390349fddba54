/** infra/compose.yaml names only what is there: files, variables of the services, secrets of env.example. Docker itself does not run here. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { root, temporaryHome } from '../tidemark-up.ts';
import { infra, readInfra } from './files.ts';

interface Service {
  image?: string;
  build?: { context: string; dockerfile: string; args?: { SERVICE: string } };
  mem_limit?: string;
  read_only?: boolean;
  cap_drop?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, unknown> | string[];
  stop_grace_period?: string;
}

const text = readInfra('compose.yaml');
const compose = parse(text, { merge: true }) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const services = Object.entries(compose.services);
const OURS = ['gateway', 'realtime', 'batch', 'metrics'];

t.test('every service has an image or a build, and a memory limit', async (t) => {
  t.same(
    services.map(([name]) => name).sort(),
    [...OURS, 'migrate', 'nats', 'nginx', 'primary', 'prometheus', 'replica', 'valkey'].sort(),
  );
  for (const [name, service] of services) {
    t.ok(service.image ?? service.build, `${name} has an image`);
    t.match(service.mem_limit ?? '', /^\d+[mg]$/, `${name} has a memory limit`);
  }
});

t.test('the four services run read-only, without capabilities, and have time to let clients go', async (t) => {
  for (const name of OURS) {
    const service = compose.services[name] as Service;
    t.equal(service.read_only, true, name);
    t.same(service.cap_drop, ['ALL'], name);
    t.equal(service.stop_grace_period, '60s', name);
    t.equal(service.build?.args?.SERVICE, name);
  }
});

t.test('every variable of a service is one that its configuration knows', async (t) => {
  for (const name of OURS) {
    const folders = [`services/${name}`, 'packages/service', 'packages/files'].map((folder) =>
      join(root, folder, 'src'),
    );
    const names = execFileSync('grep', ['-rhoE', '^ +[A-Z][A-Z0-9_]+: ', ...folders], { encoding: 'utf8' });
    const known = new Set(names.split('\n').map((line) => line.trim().slice(0, -1)));
    for (const variable of Object.keys(compose.services[name]?.environment ?? {})) {
      t.ok(known.has(variable), `${name}: ${variable}`);
    }
  }
});

t.test('mounted files and Dockerfiles are there, volumes are declared', async (t) => {
  for (const [name, { volumes = [], build }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('./secrets/')) t.ok(readInfra('README.md').includes(source.slice(2)), `${name}: ${source}`);
      else if (source.startsWith('.')) t.ok(existsSync(infra(source)), `${name}: ${source}`);
      else t.ok(source in compose.volumes, `${name}: ${source}`);
    }
    if (build) t.ok(existsSync(join(root, build.dockerfile)), `${name}: ${build.dockerfile}`);
  }
});

t.test('depends_on names only services of the file', async (t) => {
  for (const [name, { depends_on: needs = [] }] of services) {
    for (const other of Array.isArray(needs) ? needs : Object.keys(needs))
      t.ok(compose.services[other], `${name}: ${other}`);
  }
});

t.test('env.example has the variables of compose.yaml, and no others', async (t) => {
  const used = new Set([...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name as string));
  const given = [...readInfra('env.example').matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name as string);
  t.same(given.sort(), [...used].sort());
});

t.test('the scripts of the containers are valid shell', async (t) => {
  for (const name of ['entrypoint.sh', 'primary.sh', 'replica.sh']) {
    execFileSync(name === 'entrypoint.sh' ? 'sh' : 'bash', ['-n', infra(`docker/${name}`)]);
    t.pass(name);
  }
});

t.test('the commands of the README write the secrets that files hold', async (t) => {
  const work = await temporaryHome(t);
  mkdirSync(join(work, 'infra'));
  cpSync(infra('env.example'), join(work, 'infra/env.example'));
  const commands = [...readInfra('README.md').matchAll(/```sh\n([\s\S]*?)```/g)].map(
    ([, command]) => command as string,
  );
  const [copy = '', secrets = ''] = commands;
  execFileSync('sh', ['-c', copy], { cwd: work });
  const env = readFileSync(join(work, 'infra/.env'), 'utf8');
  writeFileSync(
    join(work, 'infra/.env'),
    env.replaceAll(/^(\w+)=$/gm, (_, name) => `${name}=${name.toLowerCase()}`),
  );
  execFileSync('sh', ['-c', secrets], { cwd: work });
  t.equal(readFileSync(join(work, 'infra/secrets/metrics_token'), 'utf8'), 'metrics_token');
  const passwords = readFileSync(join(work, 'infra/secrets/nats-passwords.conf'), 'utf8').split('\n');
  for (const name of OURS) t.ok(passwords.includes(`${name}_password: "nats_${name}_password"`), name);
  t.match(passwords[4], /^admin_password: "[0-9a-f]{48}"$/);
});
