/** Compares ARCHITECTURE.md with the tree. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { root } from './tidemark-up.ts';

const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const PATH = /`((?:services|packages|infra|scripts)(?:\/[\w./-]+)?)`/g;
const pathsOf = (part: string) => [...part.matchAll(PATH)].map((match) => match[1] as string);

function section(heading: string): string {
  const [, rest] = text.split(new RegExp(`^## ${heading}.*\n`, 'm'));
  return rest?.split(/^## /m)[0] ?? '';
}

function folders(parent: 'packages' | 'services'): string[] {
  return readdirSync(join(root, parent)).filter((name) => existsSync(join(root, parent, name, 'package.json')));
}

t.test('names only files and folders that exist', async (t) => {
  const paths = pathsOf(text);
  t.ok(paths.length > 60, 'the paths are found');
  for (const path of paths) t.ok(existsSync(join(root, path)), path);
});

t.test('has every package and service in its tree', async (t) => {
  const listed = pathsOf(section('The tree')).filter((path) => path.includes('/'));
  const existing = [
    ...folders('packages').map((name) => `packages/${name}`),
    ...folders('services').map((name) => `services/${name}`),
  ];
  t.same(listed.sort(), existing.sort());
});

t.test('enters each file of a data path once', async (t) => {
  for (const heading of ['A read', 'A write', 'A change']) {
    const paths = pathsOf(section(heading));
    t.ok(paths.length >= 10, heading);
    t.equal(new Set(paths).size, paths.length, heading);
  }
});

/** Groups packages with the same imports, those with the fewest first. */
function importRows(): string[] {
  const groups = new Map<string, string[]>();
  for (const parent of ['packages', 'services'] as const) {
    for (const name of folders(parent)) {
      if (name === 'cli' || name === 'bench') continue;
      const { dependencies = {} } = JSON.parse(readFileSync(join(root, parent, name, 'package.json'), 'utf8'));
      const own = Object.keys(dependencies).filter((dependency) => dependency.startsWith('@tidemark/'));
      const imports =
        own
          .map((dependency) => dependency.replace('@tidemark/', ''))
          .sort()
          .join(', ') || 'none';
      groups.set(imports, [...(groups.get(imports) ?? []), name]);
    }
  }
  const size = (imports: string) => (imports === 'none' ? 0 : imports.split(', ').length);
  const sorted = [...groups].sort(([a], [b]) => size(a) - size(b) || (a < b ? -1 : 1));
  return sorted.map(([imports, names]) => `| ${names.join(', ')} | ${imports} |`);
}

t.test('lists the imports between packages as their package.json do; UPDATE=1 writes them', async (t) => {
  const head = '| package | imports |\n| --- | --- |\n';
  const [before, after = ''] = text.split(head);
  const rows = /^(\|.*\n)*/.exec(after)?.[0] ?? '';
  const wanted = importRows()
    .map((row) => `${row}\n`)
    .join('');
  if (process.env.UPDATE)
    writeFileSync(join(root, 'ARCHITECTURE.md'), before + head + wanted + after.slice(rows.length));
  else t.equal(rows, wanted);
});

t.test('a composition root has at most 120 lines, and any other file of code 300', async (t) => {
  let files = 0;
  for (const parent of ['packages', 'services'] as const) {
    for (const folder of folders(parent).flatMap((name) =>
      ['src', 'console', 'test'].map((part) => join(name, part)),
    )) {
      if (!existsSync(join(root, parent, folder))) continue;
      for (const name of readdirSync(join(root, parent, folder), { recursive: true }) as string[]) {
        if (!/\.(tsx?|m?js)$/.test(name) || /(^|\/)(dist|node_modules)\//.test(name)) continue;
        const path = join(parent, folder, name);
        const isRoot = /^services\/\w+\/src\/(app|start)\.ts$/.test(path);
        const lines = readFileSync(join(root, path), 'utf8').trimEnd().split('\n').length;
        files += 1;
        if (lines > (isRoot ? 120 : 300)) t.fail(`${path} has ${lines} lines`);
      }
    }
  }
  t.ok(files > 1_000, 'the files are found');
});

t.test('ARCHITECTURE.md has at most 200 lines, and CONTRIBUTING.md and every README 100', async (t) => {
  const readmes = (['packages', 'services'] as const).flatMap((parent) =>
    folders(parent).map((name) => join(parent, name, 'README.md')),
  );
  for (const file of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', ...readmes]) {
    const lines = readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length;
    t.ok(lines <= (file === 'ARCHITECTURE.md' ? 200 : 100), `${file} has ${lines} lines`);
  }
});
