/**
 * `node scripts/pack.mjs <folder>`: writes a tarball that installs anywhere. The packages of this repository that the bus imports
 * are in its one file, since they are not published; those of the registry are its dependencies.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const [target = '.'] = process.argv.slice(2);
const bus = join(import.meta.dirname, '..');
const { name, version, description, license, dependencies } = JSON.parse(await readFile(join(bus, 'package.json')));
const published = Object.entries(dependencies).filter(([, wanted]) => !wanted.startsWith('workspace:'));
const folder = await mkdtemp(join(tmpdir(), 'tidemark-bus-pack-'));
try {
  const external = published.map(([dependency]) => dependency);
  const bundle = await rolldown({ input: join(bus, 'dist/index.js'), external, platform: 'node' });
  await bundle.write({ file: join(folder, 'index.js'), format: 'esm' });
  await bundle.close();
  const manifest = {
    ...{ name, version, description, license, type: 'module', exports: './index.js', files: ['index.js'] },
    dependencies: Object.fromEntries(await Promise.all(published.map(async ([key]) => [key, await installed(key)]))),
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  await copyFile(join(bus, 'CONSUMERS.md'), join(folder, 'README.md'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', resolve(target)], { cwd: folder, stdio: 'inherit' });
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Returns what npm installs for it: the version, and the package where it has another name here. */
async function installed(key) {
  const found = JSON.parse(await readFile(join(bus, 'node_modules', key, 'package.json')));
  return found.name === key ? found.version : `npm:${found.name}@${found.version}`;
}
