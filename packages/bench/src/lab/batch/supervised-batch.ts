/** An instance of batch that is started again whenever it ends, as an orchestrator does. */
import { pause, until } from '../../measuring/waiting.ts';
import type { Env, ServerProcess } from '../../processes/server.ts';
import { type Servers, startService } from '../../processes/services.ts';

export interface SupervisedBatch {
  /** Ends the process by SIGKILL. Resolves to false when it is not running. */
  kill(): Promise<boolean>;
  starts(): number;
  stop(): Promise<void>;
}

const RESTART_MS = 100;

export async function superviseBatch(name: string, servers: Servers, env: Env): Promise<SupervisedBatch> {
  let server: ServerProcess | undefined;
  let stopped = false;
  let starts = 0;

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        server = await startService('batch', servers, { env: { INSTANCE: name, ...env } }, name);
        starts += 1;
        if (!stopped) await server.ended;
      } catch {
        // While NATS or Postgres is away an instance may give up its start.
      }
      server = undefined;
      await pause(RESTART_MS);
    }
  }

  const running = run();
  await until(`${name} to start`, () => starts > 0);
  return {
    async kill() {
      const killed = server;
      await killed?.kill();
      return killed !== undefined;
    },
    starts: () => starts,
    async stop() {
      stopped = true;
      await server?.stop();
      await running;
    },
  };
}
