import type { ClientFrame } from '@tidemark/contracts';
import type { Connection } from '../connection.ts';

export type ChannelFrame = Extract<ClientFrame, { op: 'join' | 'leave' | 'send' | 'state' }>;

export async function handleChannel(connection: Connection, frame: ChannelFrame): Promise<void> {
  const { channels } = connection.context;
  switch (frame.op) {
    case 'join':
      return channels.join(connection, frame.channel, frame.state, frame.tidemark);
    case 'leave':
      return channels.leave(connection, frame.channel);
    case 'send':
      return channels.send(connection, frame.channel, frame.event, frame.payload);
    case 'state':
      return channels.setState(connection, frame.channel, frame.state);
  }
}
