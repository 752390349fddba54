import { join } from 'node:path';
import type { Credentials } from './credentials.ts';
import type { Addresses } from './servers.ts';
import { type ServiceProcess, STOP_ORDER } from './service-process.ts';

export interface Summary {
  readonly home: string;
  readonly url: string;
  readonly services: readonly ServiceProcess[];
  readonly addresses: Addresses;
  readonly tokens: Credentials;
  /** Tokens are printed once, so that later terminals and logs do not contain them. */
  readonly isNew: boolean;
  readonly console: string;
  readonly hasExamples: boolean;
}

/** The lines that `up` prints before `ready`. */
export function summarise({ home, url, services, addresses, tokens, isNew, console, hasExamples }: Summary): string[] {
  const rows = [...services]
    .sort(
      (a, b) => STOP_ORDER.indexOf(a.service) - STOP_ORDER.indexOf(b.service) || a.instance.localeCompare(b.instance),
    )
    .map((started) => line(started.instance, started.url()));
  const file = join(home, 'credentials.json');
  return [
    '',
    ...rows,
    line('postgres', addresses.owner),
    ...addresses.replicas.map((replica) => line('replica', replica)),
    line('nats', addresses.natsShown),
    line('logs', join(home, 'logs')),
    '',
    ...(isNew
      ? [`tokens (also in ${file}):`, ...Object.entries(tokens).map(([name, token]) => `  ${name.padEnd(8)} ${token}`)]
      : [`tokens are in ${file}`]),
    '',
    `console ${console}`,
    '  (the link opens once, within ten minutes; `npx --no -- tidemark console` prints another)',
    ...(hasExamples ? [`examples ${url}/examples/#token=${tokens.user}`] : []),
    '',
  ];
}

const line = (name: string, value: string) => `  ${name.padEnd(12)} ${value}`;
