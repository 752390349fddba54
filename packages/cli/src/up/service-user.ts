import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { belongsToStore, preparePrivateFolder } from '@tidemark/files';
import { adoptFolder, canEnter, canRead, lookUpUser, type User, unprivilegedUser } from '@tidemark/local-stack';
import { errors } from '../errors.ts';

/** Ports below this are root's (net.ipv4.ip_unprivileged_port_start, as systems have it by default). */
const FIRST_FREE_PORT = 1024;

export interface ServiceUserOptions {
  /** Empty means the first of `tidemark` and `nobody` that exists. */
  wanted: string;
  port: number;
  entries: readonly string[];
  /** Undefined when files are in a bucket. */
  filesFolder: string | undefined;
  hasWritten: boolean;
  report(line: string): void;
}

/** Returns undefined when the services keep the user of this process. */
export async function serviceUser(options: ServiceUserOptions): Promise<User | undefined> {
  const { wanted, filesFolder, report } = options;
  if (process.getuid?.() !== 0 || wanted === 'root') return undefined;
  const user = wanted === '' ? unprivilegedUser() : lookUpUser(wanted);
  if (user === undefined) throw errors.NO_SUCH_USER({ name: wanted });
  const obstacle = await findObstacle(user, options);
  if (obstacle !== undefined) {
    report(`WARNING: the services run as root: ${obstacle}`);
    report(
      '  Move the project and TIDEMARK_HOME to a place that every user can enter (such as /srv), or start it as an ordinary user.',
    );
    return undefined;
  }
  if (filesFolder !== undefined) await adoptFolder(filesFolder, user, report, { always: options.hasWritten });
  return user;
}

async function findObstacle(user: User, options: ServiceUserOptions): Promise<string | undefined> {
  const { port, entries, filesFolder } = options;
  if (port < FIRST_FREE_PORT)
    return `the port ${port} is below ${FIRST_FREE_PORT}, which the user ${user.name} may not use`;
  const unreadable = [process.execPath, ...entries].find((file) => !canRead(user, file));
  if (unreadable !== undefined) return `the user ${user.name} cannot read ${unreadable}`;
  if (filesFolder === undefined) return undefined;
  await preparePrivateFolder(filesFolder);
  if (!(await belongsToStore(filesFolder))) {
    return `the folder of files, ${filesFolder}, holds other things too, and will not be given to the user ${user.name}`;
  }
  const parent = dirname(filesFolder);
  return canEnter(user, parent) ? undefined : `the user ${user.name} cannot enter ${parent}, where the files are`;
}

/** One library is included, because its folder may have other rights. */
export const serviceEntries = (services: readonly string[]): string[] =>
  [...services.map((service) => `@tidemark/${service}/main`), '@tidemark/db'].map((name) =>
    fileURLToPath(import.meta.resolve(name)),
  );
