import fc from 'fast-check';
import t from 'tap';
import { createEventParser } from '../../console/src/live/event-stream.ts';
import { formatEvent } from '../../src/stream/broadcaster.ts';

t.test('parses what the service formats, in pieces of any size', async () => {
  const event = fc.record({ event: fc.constantFrom('health', 'expired'), data: fc.json() });
  fc.assert(
    fc.property(fc.array(event), fc.integer({ min: 1, max: 9 }), (events, size) => {
      const text = events.map(({ event, data }) => formatEvent(event, data)).join('');
      const parse = createEventParser();
      const read = (text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []).flatMap(parse);
      return JSON.stringify(read) === JSON.stringify(events);
    }),
  );
});

t.test('rejects an event above the size limit', async (t) => {
  const parse = createEventParser();
  t.throws(() => parse('x'.repeat(9 * 1024 ** 2)), RangeError);
});
