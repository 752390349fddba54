import type { Writable } from 'node:stream';

export function drained(stream: Writable, ms: number): Promise<'drained' | 'closed' | 'late'> {
  return new Promise((resolve) => {
    const end = (outcome: 'drained' | 'closed' | 'late') => {
      clearTimeout(timer);
      stream.off('drain', onDrain);
      stream.off('close', onClose);
      resolve(outcome);
    };
    const onDrain = () => end('drained');
    const onClose = () => end('closed');
    const timer = setTimeout(end, ms, 'late');
    stream.once('drain', onDrain);
    stream.once('close', onClose);
  });
}
