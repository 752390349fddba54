import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  busPermissions,
  consumerPermissions,
  type NatsUser,
  natsText,
  SERVICE_NAMES,
  type ServiceName,
} from '@tidemark/contracts';
import { errors } from './errors.ts';
import { folderError } from './home-folder.ts';

const NATS_PASSWORDS_FILE = 'nats-passwords.json';

/** `admin` is for the `nats` command, and for tests; `consumer` for programs of your own (packages/bus/CONSUMERS.md). */
const NAMES = [...SERVICE_NAMES, 'admin', 'consumer'] as const;
export type NatsUserName = (typeof NAMES)[number] | ServiceName;

export type NatsPasswords = Readonly<Record<NatsUserName, string>>;

/** The mode is 600. The server reads the passwords from its configuration file at each start. */
export function readNatsPasswords(home: string): NatsPasswords {
  const file = join(home, NATS_PASSWORDS_FILE);
  try {
    const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<NatsPasswords>) : {};
    const passwords = Object.fromEntries(NAMES.map((name) => [name, kept[name] || randomBytes(24).toString('hex')]));
    if (NAMES.some((name) => kept[name] !== passwords[name])) {
      writeFileSync(file, `${JSON.stringify(passwords, null, 2)}\n`, { mode: 0o600 });
    }
    chmodSync(file, 0o600);
    return passwords as NatsPasswords;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw errors.DATA_DAMAGED({ folder: file, reason: 'it is not JSON' }, { cause });
    throw folderError('the stack', home, cause);
  }
}

export function natsUsers(passwords: NatsPasswords, prefix: string): NatsUser[] {
  const permissions = busPermissions(prefix);
  return [
    { name: 'admin', password: natsText(passwords.admin) },
    ...SERVICE_NAMES.map((name) => ({ name, password: natsText(passwords[name]), permissions: permissions[name] })),
    { name: 'consumer', password: natsText(passwords.consumer), permissions: consumerPermissions(prefix) },
  ];
}
