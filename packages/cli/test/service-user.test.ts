/** As root, services run as another user only where that user can reach everything, and only what is Tidemark's own is given to it. */
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unprivilegedUser } from '@tidemark/local-stack';
import t from 'tap';
import { serviceUser } from '../src/up/service-user.ts';

const skip = process.getuid?.() === 0 ? false : 'only root changes users';

t.test('services run as their own user', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-user-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const entry = join(folder, 'main.js');
  await writeFile(entry, '', { mode: 0o644 });
  await chmod(entry, 0o644);
  const nobody = unprivilegedUser();
  const ask = async (options: Partial<Parameters<typeof serviceUser>[0]> = {}) => {
    const lines: string[] = [];
    const report = (line: string) => lines.push(line);
    const base = { wanted: '', port: 8080, entries: [entry], filesFolder: undefined, hasWritten: false, report };
    return { user: await serviceUser({ ...base, ...options }), said: lines.join('\n') };
  };
  t.same(await ask(), { user: nobody, said: '' });
  t.same(await ask({ wanted: 'root' }), { user: undefined, said: '' }, 'root stays root where it is asked to');
  await t.rejects(ask({ wanted: 'no-such-user' }), { code: 'CLI_NO_SUCH_USER' });
  t.match(await ask({ port: 80 }), { user: undefined, said: /services run as root: the port 80 is below 1024/ });

  const files = join(folder, 'files');
  t.match((await ask({ filesFolder: files })).user, { uid: nobody?.uid });
  t.match(await stat(files), { uid: nobody?.uid, mode: 0o40700 }, 'a new folder of files is the user’s alone');

  const shared = join(folder, 'shared');
  await mkdir(join(shared, '00'), { recursive: true });
  await writeFile(join(shared, 'notes.txt'), 'mine');
  t.match(await ask({ filesFolder: shared }), { user: undefined, said: /holds other things too/ });
  t.equal((await stat(join(shared, 'notes.txt'))).uid, 0, 'what is not Tidemark’s keeps its owner');

  await chmod(entry, 0o600);
  t.match(await ask(), { user: undefined, said: /services run as root: the user \w+ cannot read .*main\.js/ });
  await chmod(entry, 0o644);
  await chmod(folder, 0o700);
  t.match(await ask(), { user: undefined, said: /cannot read/ }, 'as in /root');
});
