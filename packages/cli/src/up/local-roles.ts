/**
 * One login for each service, one that owns the schema. The files of infra/postgres make them, so that what runs here
 * is what is recommended there. The superuser's URL never leaves this process.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { ServiceName } from '@tidemark/contracts';
import { identifier, literal, runScript } from '@tidemark/db';
import { errors } from '../errors.ts';
import { infraScript } from '../infra.ts';
import { scramVerifier } from './scram.ts';
import { readOrMake, writeWhole } from './secret-file.ts';

const OWNER = 'tidemark';
const SERVICE_LOGINS: Readonly<Record<ServiceName, string>> = {
  gateway: 'tidemark_gateway',
  realtime: 'tidemark_realtime',
  batch: 'tidemark_batch',
  metrics: 'tidemark_metrics',
};
/** Explains statements for the metrics service. */
const ANALYZER = 'tidemark_analyze';
const PASSWORDS_FILE = 'postgres-roles.json';
const PASSWORD_BYTES = 24;

export interface LocalRoles {
  owner(url: string): string;
  service(service: ServiceName, url: string): string;
  analyzer(url: string): string;
}

/** In a database of an earlier release the superuser owned everything; this role becomes the owner. */
export async function prepareLocalRoles(superuserUrl: string, home: string): Promise<LocalRoles> {
  const passwords = await readPasswords(home);
  const setPasswords = Object.entries(passwords).map(
    ([role, password]) => `alter role ${identifier(role)} password ${literal(scramVerifier(password))};`,
  );
  const [roles, takeOver, statements, ddl] = await Promise.all([
    infraScript('roles.sql'),
    infraScript('take-over.sql'),
    infraScript('statements.sql'),
    infraScript('ddl.sql'),
  ]);
  await runScript(superuserUrl, [roles, ...setPasswords, takeOver, statements, ddl].join('\n'));
  const as = (role: string, url: string) => {
    const changed = new URL(url);
    changed.username = role;
    changed.password = passwords[role] as string;
    return changed.href;
  };
  return {
    owner: (url) => as(OWNER, url),
    service: (service, url) => as(SERVICE_LOGINS[service], url),
    analyzer: (url) => as(ANALYZER, url),
  };
}

async function readPasswords(home: string): Promise<Record<string, string>> {
  const names = [OWNER, ...Object.values(SERVICE_LOGINS), ANALYZER];
  const path = join(home, PASSWORDS_FILE);
  const make = () => randomBytes(PASSWORD_BYTES).toString('hex');
  const textOf = (passwords: object) => `${JSON.stringify(passwords, null, 2)}\n`;
  const text = await readOrMake(path, async () => textOf(Object.fromEntries(names.map((name) => [name, make()]))));
  try {
    const passwords = JSON.parse(text) as Record<string, unknown>;
    // A home of an earlier release has no password for this login.
    if (passwords[ANALYZER] === undefined) {
      passwords[ANALYZER] = make();
      await writeWhole(path, textOf(passwords));
    }
    for (const name of names) {
      if (typeof passwords[name] !== 'string' || passwords[name] === '') throw new TypeError(`it has no "${name}"`);
    }
    return passwords as Record<string, string>;
  } catch (cause) {
    throw errors.CREDENTIALS({ path, reason: (cause as Error).message }, { cause });
  }
}
