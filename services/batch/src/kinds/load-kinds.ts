import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { commaSeparated } from '@tidemark/service';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { errors } from '../errors.ts';
import type { KindModule } from '../workers/protocol.ts';
import type { JobKind } from './job-kind.ts';

export interface LoadedKind extends JobKind {
  url: string;
  validator: { Check(spec: unknown): boolean; Errors(spec: unknown): { instancePath: string; message: string }[] };
}

export type Kinds = ReadonlyMap<string, LoadedKind>;

const OWN = [
  'archive',
  'corpus-generate',
  'export',
  'http-call',
  'image-segment',
  'image-transform',
  'noop',
  'ocr',
  'report-aggregate',
  'report-pdf',
];

const shape = Compile(
  Type.Object({
    name: Type.String({ pattern: '^[a-z][a-z0-9._-]{0,63}$' }),
    version: Type.Integer({ minimum: 1 }),
    oldest: Type.Optional(Type.Integer({ minimum: 1 })),
    spec: Type.Object({}),
    item: Type.Object({ input: Type.Enum(['file', 'value']), keepsSuccesses: Type.Boolean() }),
    limits: Type.Object({
      itemMs: Type.Integer({ minimum: 1 }),
      isWholeJob: Type.Optional(Type.Boolean()),
      targetCalls: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    usesDatabase: Type.Optional(Type.Boolean()),
    usesHttp: Type.Optional(Type.Boolean()),
    usesModels: Type.Optional(Type.Boolean()),
    steps: Type.Optional(Type.Object({})),
    runsOn: Type.Enum(['thread', 'main']),
  }),
);
const FUNCTIONS = ['source', 'cost', 'run'] as const;

/** `patterns` are separated by commas, and the last part of a path may have `*` in it. */
export async function loadKinds(patterns: string): Promise<Kinds> {
  const extension = path.extname(import.meta.url);
  const own = OWN.map((name) => new URL(`./${name}${extension}`, import.meta.url).href);
  const files = (await Promise.all(commaSeparated(patterns).map(filesOf))).flat();
  const kinds = new Map<string, LoadedKind>();
  for (const url of [...own, ...files.map((file) => pathToFileURL(file).href)]) {
    const kind = await loadKind(url);
    const twin = kinds.get(kind.name);
    if (twin) throw errors.INVALID_KIND({ url, problem: `${twin.url} has the name "${kind.name}", too` });
    kinds.set(kind.name, kind);
  }
  return kinds;
}

/** Returns the versions of kinds that run here, in the form that the statements of jobs and chunks compare. */
export function kindVersions(kinds: Iterable<JobKind>): { name: string; oldest: number; version: number }[] {
  return Array.from(kinds, ({ name, version, oldest = version }) => ({ name, oldest, version }));
}

export function kindModules(kinds: Kinds): KindModule[] {
  return [...kinds.values()].map(({ name, url }) => ({ name, url }));
}

async function filesOf(pattern: string): Promise<string[]> {
  const { dir, base } = path.parse(path.resolve(pattern));
  const literal = base.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const matching = new RegExp(`^${literal.join('.*')}$`);
  const names = await readdir(dir).catch(() => []);
  const found = names.filter((name) => matching.test(name)).sort();
  if (found.length === 0) throw errors.INVALID_KIND({ url: pattern, problem: 'no file has this name' });
  return found.map((name) => path.join(dir, name));
}

async function loadKind(url: string): Promise<LoadedKind> {
  let kind: JobKind | undefined;
  try {
    kind = ((await import(url)) as { default?: JobKind }).default;
  } catch (cause) {
    throw errors.INVALID_KIND({ url, problem: (cause as Error).message }, { cause });
  }
  if (!kind || !shape.Check(kind)) {
    const [first] = shape.Errors(kind ?? {});
    throw errors.INVALID_KIND({ url, problem: `its default export: ${first?.instancePath || '/'} ${first?.message}` });
  }
  if ((kind.usesDatabase || kind.usesHttp || kind.usesModels) && kind.runsOn !== 'main') {
    throw errors.INVALID_KIND({ url, problem: 'a kind with usesDatabase, usesHttp or usesModels runs on "main"' });
  }
  const missing = FUNCTIONS.find((name) => typeof kind[name] !== 'function');
  if (missing) throw errors.INVALID_KIND({ url, problem: `its default export has no function ${missing}` });
  if (kind.oldest !== undefined && kind.oldest > kind.version) {
    throw errors.INVALID_KIND({ url, problem: `its default export: /oldest is after the version ${kind.version}` });
  }
  return { ...kind, url, validator: Compile(kind.spec) };
}
