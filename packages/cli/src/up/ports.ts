import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import type { ServiceName } from '@tidemark/contracts';
import { errors } from '../errors.ts';

const ORDER: readonly ServiceName[] = ['gateway', 'realtime', 'batch', 'metrics'];

/** `PORT` is the port of the gateway; the other services use the next ones. */
export function portOf(service: ServiceName, base: number): number {
  return base + ORDER.indexOf(service);
}

export async function checkPorts(host: string, base: number): Promise<void> {
  for (const service of ORDER) {
    const port = portOf(service, base);
    if (await isFree(host, port)) continue;
    throw errors.PORT_TAKEN({ port, service, holder: await holderOf(port), variable: 'PORT' });
  }
}

export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else if (error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Returns undefined when neither ss nor lsof is installed or may tell. */
async function holderOf(port: number): Promise<string | undefined> {
  const run = promisify(execFile);
  // A missing or forbidden ss or lsof only makes the message less specific.
  const ss = await run('ss', ['-ltnp', `sport = :${port}`]).catch(() => undefined);
  const bySs = ss && /\(\("([^"]+)",pid=(\d+)/.exec(ss.stdout);
  if (bySs) return `${bySs[1]} (pid ${bySs[2]})`;
  const lsof = await run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']).catch(() => undefined);
  const byLsof = lsof && /p(\d+)\nc(.+)/.exec(lsof.stdout);
  return byLsof ? `${byLsof[2]} (pid ${byLsof[1]})` : undefined;
}
