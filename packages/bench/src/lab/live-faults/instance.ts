import type { Stack } from '@tidemark/local-stack';
import { answered, until } from '../../measuring/waiting.ts';
import type { Env, ServerProcess } from '../../processes/server.ts';
import { startService } from '../../processes/services.ts';

export interface Instance {
  /** Name in pg_stat_replication: `tidemark relay <name>`. */
  readonly name: string;
  /** `ws://…`; before the first start, an address at which nothing listens. */
  url(): string;
  pid(): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export function liveInstance(name: string, env: Env): Instance {
  let server: ServerProcess | undefined;
  let url = 'ws://127.0.0.1:1';
  const servers = { primaryUrl: env.DATABASE_URL ?? '', natsUrl: env.NATS_URL ?? '' };
  // Every instance logs the faults that the trial causes; LAB_LOG=warn shows them.
  const options = { env: { LOG_LEVEL: process.env.LAB_LOG ?? 'silent', INSTANCE: name, ...env } };
  return {
    name,
    url: () => url,
    pid: () => server?.pid ?? 0,
    async start() {
      // On a busy machine the first statement may time out; a supervisor would start the instance again.
      await until(`realtime ${name} to start`, async () => {
        server = await startService('realtime', servers, options, `realtime ${name}`);
        url = server.url.replace('http', 'ws');
        return true;
      });
    },
    async kill() {
      await server?.kill();
    },
    async stop() {
      await server?.stop();
    },
  };
}

export async function activeInstance({ primary }: Stack, instances: readonly Instance[]): Promise<Instance> {
  let active: Instance | undefined;
  await until('an active relay', async () => {
    const rows = await answered(
      primary.query<{ name: string }>(
        `select application_name as name from pg_stat_replication where application_name like 'tidemark relay %'`,
      ),
    );
    active = instances.find(({ name }) => rows.some((row) => row.name === `tidemark relay ${name}`));
    return active !== undefined;
  });
  return active as Instance;
}
