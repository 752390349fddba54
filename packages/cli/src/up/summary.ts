import { join } from 'node:path';
import { redact } from '@tidemark/contracts';
import type { Credentials } from './credentials.ts';
import type { Addresses } from './servers.ts';
import { type ServiceProcess, STOP_ORDER } from './service-process.ts';

export interface Summary {
  readonly home: string;
  readonly services: readonly ServiceProcess[];
  readonly addresses: Addresses;
  readonly tokens: Credentials;
  /** Tokens and passwords are printed once, so that later terminals and logs do not contain them. */
  readonly isNew: boolean;
  /** Links with a code each that serves once. */
  readonly links: { readonly console: string; readonly examples?: string };
}

/** The lines that `up` prints before `ready`. */
export function summarise({ home, services, addresses, tokens, isNew, links }: Summary): string[] {
  const rows = [...services]
    .sort(
      (a, b) => STOP_ORDER.indexOf(a.service) - STOP_ORDER.indexOf(b.service) || a.instance.localeCompare(b.instance),
    )
    .map((started) => line(started.instance, started.url()));
  const file = join(home, 'credentials.json');
  const shown = (database: string) => (isNew && addresses.isLocal ? database : redact(database));
  return [
    '',
    ...rows,
    line('postgres', shown(addresses.owner)),
    ...addresses.replicas.map((replica) => line('replica', shown(replica))),
    line('nats', addresses.natsShown),
    line('logs', join(home, 'logs')),
    '',
    ...(isNew
      ? [`tokens (also in ${file}):`, ...Object.entries(tokens).map(([name, token]) => `  ${name.padEnd(8)} ${token}`)]
      : [`tokens are in ${file}; \`npx --no -- tidemark database\` prints the address of Postgres with its password`]),
    '',
    `console ${links.console}`,
    ...(links.examples === undefined ? [] : [`examples ${links.examples}`]),
    `  (a link opens once, within ten minutes; \`npx --no -- tidemark console\`${links.examples ? ' or `examples`' : ''} prints another)`,
    '',
  ];
}

const line = (name: string, value: string) => `  ${name.padEnd(12)} ${value}`;
