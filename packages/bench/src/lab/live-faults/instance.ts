/** A realtime instance of a trial: a process of its own that can be killed and started again. */
import { fileURLToPath } from 'node:url';
import { until } from '../../measuring/waiting.ts';
import { type ServerProcess, startServer } from '../../processes/server.ts';

export interface Instance {
  /** As in pg_stat_replication: `tidemark relay <name>`. */
  readonly name: string;
  /** `ws://…`; where nothing listens before the first start. */
  url(): string;
  pid(): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export function liveInstance(name: string, env: Readonly<Record<string, string>>): Instance {
  let server: ServerProcess | undefined;
  const path = fileURLToPath(import.meta.resolve('@tidemark/realtime/main'));
  let url = 'ws://127.0.0.1:1';
  // What is broken on purpose is in every log; LAB_LOG=warn shows it.
  const settings = { PORT: '0', LOG_LEVEL: process.env.LAB_LOG ?? 'silent', INSTANCE: name, ...env };
  return {
    name,
    url: () => url,
    pid: () => server?.pid ?? 0,
    async start() {
      // On a busy machine the first statement may overrun its limit; what supervises it would start it again, too.
      await until(`realtime ${name} to start`, async () => {
        server = await startServer(`realtime ${name}`, path, settings);
        return true;
      });
      url = (server as ServerProcess).url.replace('http', 'ws');
    },
    async kill() {
      await server?.kill('SIGKILL');
    },
    async stop() {
      await server?.stop();
    },
  };
}
