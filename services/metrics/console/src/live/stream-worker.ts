/** The SharedWorker of all tabs of this origin. */
import { createHub } from './hub.ts';
import { FORGET_MS, type TabMessage } from './messages.ts';

interface SharedWorkerScope {
  onconnect: ((event: MessageEvent) => void) | null;
}

const hub = createHub();
(globalThis as unknown as SharedWorkerScope).onconnect = (event) => {
  const port = event.ports[0] as MessagePort;
  port.onmessage = ({ data }: MessageEvent<TabMessage>) => hub.receive(port, data);
};
setInterval(() => hub.sweep(Date.now()), FORGET_MS);
