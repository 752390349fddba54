/** The fan-out baseline of `ws`: a loop that sends each change to every client. */
import { type WebSocket, WebSocketServer } from 'ws';
import { serveFanOut } from './serve-fan-out.ts';

await serveFanOut('fan-out-ws', (server) => {
  const wss = new WebSocketServer({ server, perMessageDeflate: false });
  const all: WebSocket[] = [];
  wss.on('connection', (ws) => {
    all.push(ws);
    ws.on('error', () => ws.terminate());
  });
  return {
    send(payload) {
      for (const client of wss.clients) client.send(payload);
    },
    sendTo: (client, payload) => all[client % all.length]?.send(payload),
    close: () => wss.close(),
  };
});
