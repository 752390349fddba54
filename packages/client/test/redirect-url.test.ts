import t from 'tap';
import { redirectUrl } from '../src/live/redirect-url.ts';

t.test('accepts WebSocket URLs, and no unencrypted one in place of an encrypted one', async (t) => {
  const cases: [given: string | undefined, present: string, expected: string | undefined][] = [
    [undefined, 'ws://a/live', undefined],
    ['ws://b/live', 'ws://a/live', 'ws://b/live'],
    ['wss://b/live', 'ws://a/live', 'wss://b/live'],
    ['wss://b/live', 'wss://a/live', 'wss://b/live'],
    ['ws://b/live', 'wss://a/live', undefined],
    ['https://b/live', 'wss://a/live', undefined],
    ['ws://b/live#x', 'ws://a/live', undefined],
    ['/live', 'wss://a/live', undefined],
    ['', 'ws://a/live', undefined],
  ];
  for (const [given, present, expected] of cases)
    t.equal(redirectUrl(given, present), expected, `${given} from ${present}`);
});
