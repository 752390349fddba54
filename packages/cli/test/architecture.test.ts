/** Compares ARCHITECTURE.md with the tree. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

t.test('lists the imports between packages as their package.json do', async (t) => {
  const rows = [...section('What may import what').matchAll(/^\| (?!package|---)(.+) \| (.+) \|$/gm)];
  const listed = rows.flatMap(([, names = '', imports = '']) =>
    names.split(', ').map((name): [string, string] => [name, imports === 'none' ? '' : imports]),
  );
  const actual = (['packages', 'services'] as const).flatMap((parent) =>
    folders(parent)
      .filter((name) => name !== 'cli' && name !== 'bench')
      .map((name): [string, string] => {
        const { dependencies = {} } = JSON.parse(readFileSync(join(root, parent, name, 'package.json'), 'utf8'));
        const own = Object.keys(dependencies).filter((dependency) => dependency.startsWith('@tidemark/'));
        return [
          name,
          own
            .map((dependency) => dependency.replace('@tidemark/', ''))
            .sort()
            .join(', '),
        ];
      }),
  );
  t.same(Object.fromEntries(listed), Object.fromEntries(actual));
});

t.test('the documents at the root are short', async (t) => {
  for (const [file, lines] of [
    ['ARCHITECTURE.md', 200],
    ['README.md', 100],
    ['CONTRIBUTING.md', 100],
  ] as const) {
    t.ok(readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length <= lines, file);
  }
});
