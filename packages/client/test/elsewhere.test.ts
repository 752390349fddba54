/** Which addresses a client lets itself be sent to. */
import t from 'tap';
import { elsewhere } from '../src/live/elsewhere.ts';

t.test('only such as its token may be shown to', async (t) => {
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
    t.equal(elsewhere(given, present), expected, `${given} from ${present}`);
});
