/** `tidemark blueprint list | show <name> | load <name> | play <name>`: ready-made systems in a database. */
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
import { play } from '../play/play.ts';

export interface BlueprintCommand {
  readonly words: readonly string[];
  readonly demo: boolean;
  /** Rows of the large table; undefined: the blueprint's number. */
  readonly rows: string | undefined;
  /** Share of the full size of a story, from 0 to 1; undefined: the full size. */
  readonly scale: string | undefined;
  /** The gateway and the secret of its tokens, asked for only where they are needed. */
  stack(): Promise<{ url: string; secret: string }>;
  /** The database of the command, asked for only where it is needed. */
  databaseUrl(): Promise<string>;
  print(line: string): void;
  redraw?: ((line: string) => void) | undefined;
}

/** Returns the exit code: 1 where a story had a claim that was not met. */
export async function runBlueprint(command: BlueprintCommand): Promise<number> {
  const [action, name, ...rest] = command.words;
  if (action === 'list' && name === undefined) await list(command);
  else if (name === undefined || rest.length > 0 || !['show', 'load', 'play'].includes(action ?? '')) {
    throw errors.USAGE({
      reason: `blueprint takes list, show <name>, load <name> or play <name>, not "${command.words.join(' ')}"`,
    });
  } else if (action === 'show') command.print((await readmeOf(name)).trimEnd());
  else if (action === 'load') await load(command, name);
  else return perform(command, name);
  return 0;
}

async function perform({ scale: given, stack, print, redraw }: BlueprintCommand, name: string): Promise<number> {
  blueprintNamed(name);
  const scale = given === undefined ? 1 : Number(given);
  if (!(scale > 0 && scale <= 1)) throw errors.USAGE({ reason: `--scale ${given} is no number above 0 and up to 1` });
  const claims = await play(name, { ...(await stack()), scale, print, redraw });
  return claims.every(({ met }) => met === true) ? 0 : 1;
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
