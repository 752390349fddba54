import { connectBus } from '@tidemark/bus';
import { type BusConfig, busOptions } from '@tidemark/service/process';

const CONNECT_TIMEOUT_MS = 5_000;

export async function checkNats(config: BusConfig): Promise<void> {
  const bus = await connectBus({ ...busOptions(config), name: 'tidemark up', connectTimeoutMs: CONNECT_TIMEOUT_MS });
  await bus.close();
}
