/** The fan-out baseline of Socket.IO over WebSocket only: `io.emit` of the parsed payload. */
import { Server } from 'socket.io';
import { serveFanOut } from './serve-fan-out.ts';

await serveFanOut('fan-out-socket-io', (server) => {
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false });
  let text = '';
  let value: unknown;
  return {
    send(payload) {
      if (payload !== text) {
        text = payload;
        value = JSON.parse(payload);
      }
      io.emit('change', value);
    },
    close: () => void io.close(),
  };
});
