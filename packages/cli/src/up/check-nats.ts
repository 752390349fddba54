/** Checks that your own NATS answers, accepts the credentials, and has JetStream. */
import { connectBus } from '@tidemark/bus';
import { type BusConfig, busOptions } from '@tidemark/service';

const CONNECT_TIMEOUT_MS = 5_000;

/** @throws BUS_INVALID_OPTIONS, BUS_UNREACHABLE, BUS_UNAUTHORIZED, BUS_TLS_FAILED, BUS_NO_JETSTREAM */
export async function checkNats(config: BusConfig): Promise<void> {
  const bus = await connectBus({ ...busOptions(config), name: 'tidemark up', connectTimeoutMs: CONNECT_TIMEOUT_MS });
  await bus.close();
}
