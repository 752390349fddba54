import { join } from 'node:path';
import { BoundedLog } from './bounded-log.ts';
import { findNats } from './nats-binary.ts';
import { NATS_LIMITS, NatsNode } from './nats-node.ts';
import { readNatsPasswords } from './nats-users.ts';
import type { Parts } from './stack-options.ts';

export async function startNats(parts: Parts): Promise<void> {
  const { options, folder, user, progress } = parts;
  const binary = await findNats(user, join(folder.data, 'nats-server'), progress);
  parts.nats = new NatsNode({
    what: 'NATS',
    port: options.ports?.nats,
    dataDir: join(folder.data, 'nats'),
    log: new BoundedLog(join(folder.data, 'log', 'nats.log')),
    startSeconds: options.startSeconds ?? 120,
    durable: options.durable ?? true,
    limits: { ...NATS_LIMITS, ...options.natsLimits },
    passwords: readNatsPasswords(folder.home),
    prefix: options.natsPrefix ?? '',
    settings: options.natsSettings ?? '',
    binary,
    onProgress: progress,
    onExit: parts.onExit,
  });
  await parts.nats.start();
}
