/** `tidemark blueprint list | show <name> | load <name>`: ready-made systems in a database. */
import {
  blueprintNamed,
  blueprints,
  loadBlueprint,
  loadedBlueprints,
  loadLargeData,
  readmeOf,
} from '@tidemark/blueprints';
import { errors } from '../errors.ts';
import { bar, number } from '../jobs/bar.ts';

export interface BlueprintCommand {
  readonly words: readonly string[];
  readonly demo: boolean;
  /** Rows of the large table; undefined: the blueprint's number. */
  readonly rows: string | undefined;
  /** The database of the command, asked for only where it is needed. */
  databaseUrl(): Promise<string>;
  print(line: string): void;
  redraw?: ((line: string) => void) | undefined;
}

export async function runBlueprint(command: BlueprintCommand): Promise<void> {
  const [action, name, ...rest] = command.words;
  if (action === 'list' && name === undefined) return list(command);
  if (name === undefined || rest.length > 0 || (action !== 'show' && action !== 'load')) {
    throw errors.USAGE({
      reason: `blueprint takes list, show <name> or load <name>, not "${command.words.join(' ')}"`,
    });
  }
  if (action === 'show') command.print((await readmeOf(name)).trimEnd());
  else await load(command, name);
}

async function list({ databaseUrl, print }: BlueprintCommand): Promise<void> {
  const loaded = await loadedBlueprints(await databaseUrl());
  const width = Math.max(...blueprints.map(({ name }) => name.length));
  for (const { name, title } of blueprints) {
    print(`${name.padEnd(width)}  ${loaded.includes(name) ? 'loaded' : '      '}  ${title}`);
  }
}

async function load({ databaseUrl, demo, rows, print, redraw }: BlueprintCommand, name: string): Promise<void> {
  const { schema, large } = blueprintNamed(name);
  const wanted = rows === undefined ? undefined : Number(rows);
  if (wanted !== undefined && !(Number.isSafeInteger(wanted) && wanted >= 0)) {
    throw errors.USAGE({ reason: `--rows ${rows} is no number of rows` });
  }
  if (wanted !== undefined && !large) throw errors.USAGE({ reason: `--rows: ${name} has no table of any size` });
  const url = await databaseUrl();
  print(
    (await loadBlueprint(url, name, { demo }))
      ? `loaded ${name} into the schema ${schema}`
      : `${name} is there already`,
  );
  if (!large || !demo) return;
  const there = await loadLargeData(url, name, {
    ...(wanted === undefined ? {} : { rows: wanted }),
    progress: (done, of) =>
      redraw?.(`${bar(Math.min(1, done / of))} ${number(done)} of ${number(of)} rows of ${large.table}`),
  });
  if (there > 0) print(`${large.table} has ${number(there)} rows`);
}
