/** What a team writes first: a `ws` server that sends a change to every client in a loop. */
import { WebSocketServer } from 'ws';
import { serveFanOut } from './serve-fan-out.ts';

await serveFanOut('fan-out-ws', (server) => {
  const wss = new WebSocketServer({ server, perMessageDeflate: false });
  wss.on('connection', (ws) => ws.on('error', () => ws.terminate()));
  return {
    send(payload) {
      for (const client of wss.clients) client.send(payload);
    },
    close: () => wss.close(),
  };
});
