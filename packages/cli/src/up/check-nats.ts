/** Your own NATS answers and has JetStream, or the error says what to do. */
import { connectBus } from '@tidemark/bus';

const CONNECT_TIMEOUT_MS = 5_000;

/** @throws BUS_UNREACHABLE, BUS_NO_JETSTREAM */
export async function checkNats(url: string): Promise<void> {
  const bus = await connectBus({ url, name: 'tidemark up', connectTimeoutMs: CONNECT_TIMEOUT_MS });
  await bus.close();
}
