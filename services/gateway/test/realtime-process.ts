/** The realtime service as a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SECRET } from './gateway-fixture.ts';

export interface RealtimeProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Ends the process, also one that is stopped by SIGSTOP. */
  stop(): Promise<void>;
}

export async function forkRealtime(env: Record<string, string>): Promise<RealtimeProcess> {
  const child = fork(fileURLToPath(import.meta.resolve('@tidemark/realtime/main')), {
    execArgv: [],
    env: { ...process.env, PORT: '0', LOG_LEVEL: 'silent', JWT_SECRET: SECRET, ...env },
  });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  return {
    child,
    url,
    async stop() {
      child.kill('SIGCONT');
      const ended = once(child, 'exit');
      child.send({ type: 'stop' });
      await ended;
    },
  };
}
