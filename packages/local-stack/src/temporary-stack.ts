import type { NatsLimits } from './nats-node.ts';
import { startStack } from './stack.ts';
import type { Stack, StackOptions } from './stack-options.ts';
import { temporaryHome } from './temporary-home.ts';

/** JetStream reserves max_bytes when it creates a stream: the test files reserve hundreds of GB and use a few MB. */
const TEMPORARY_NATS_LIMITS: Partial<NatsLimits> = { maxFile: 4 * 1024 ** 4 };

/** It takes half a second. With `durable: true` the home is on disk, since data flushed to memory is not durable. */
export async function startTemporaryStack(options: Omit<StackOptions, 'home'> = {}): Promise<Stack> {
  const home = temporaryHome({ onDisk: options.durable === true });
  try {
    const stack = await startStack({
      durable: false,
      ...options,
      natsLimits: { ...TEMPORARY_NATS_LIMITS, ...options.natsLimits },
      home: home.path,
    });
    const stop = stack.stop;
    stack.stop = () => stop().finally(home.remove);
    return stack;
  } catch (error) {
    home.remove();
    throw error;
  }
}
