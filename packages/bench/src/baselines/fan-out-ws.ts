/** What a team writes first: a `ws` server that sends a change to every client in a loop. */
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
