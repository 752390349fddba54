/** Tests that any text of a client is a frame or an error that says what was expected. */
import fc from 'fast-check';
import t from 'tap';
import { namesOf, readClientFrame } from '../../src/sockets/client-frames.ts';

const OPS = ['auth', 'subscribe', 'unsubscribe', 'ping', 'join', 'leave', 'send', 'state'];

/** True where it was read; anything but RT_FRAME_INVALID with a short message is thrown on. */
function isRead(text: string): boolean {
  namesOf(text);
  try {
    return OPS.includes(readClientFrame(text).op);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'RT_FRAME_INVALID' || message.length > 500) throw error;
    return false;
  }
}

const value = fc.oneof(fc.jsonValue(), fc.string({ maxLength: 100 }), fc.constantFrom('__proto__', null, -1, 2 ** 53));
const names = fc.constantFrom('op', 'id', 'query', 'token', 'after', 'snapshot', 'mode', 'channel', '__proto__', 'x');
/** Texts that look like frames. */
const frameLike = fc
  .tuple(fc.constantFrom(...OPS, 'constructor', ''), fc.dictionary(names, value))
  .map(([op, rest]) => JSON.stringify({ ...rest, op }));

t.test('answers fuzzed text with a frame or an error', async () => {
  const reads = (text: string) => {
    isRead(text);
  };
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json(), frameLike), reads), {
    numRuns: 3_000,
  });
  const valid = JSON.stringify({ op: 'subscribe', id: 's', query: 'commentary?match_id=eq.1', snapshot: true });
  const broken = fc.tuple(fc.nat(valid.length), fc.nat(8), fc.string({ maxLength: 8 }));
  fc.assert(
    fc.property(broken, ([at, cut, put]) => reads(valid.slice(0, at) + put + valid.slice(at + cut))),
    { numRuns: 2_000 },
  );
});

t.test('rejects deep nesting, long texts and many members quickly', async (t) => {
  for (const text of [
    '['.repeat(60_000),
    `{"op":"send","channel":"public:x","event":"e","payload":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    `{"op":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
    `{"op":"${'x'.repeat(60_000)}"}`,
    `{"id":"${'\\"'.repeat(30_000)}`,
    JSON.stringify({ op: 'ping', ...Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n])) }),
  ]) {
    const startedAt = performance.now();
    t.notOk(isRead(text), text.slice(0, 20));
    t.ok(performance.now() - startedAt < 1_000);
  }
  t.ok(isRead('{"op":"ping"}'));
});

t.test('names only the frame’s own id or channel in an error', async (t) => {
  const names = (frame: unknown) => namesOf(JSON.stringify(frame));
  t.same(names({ op: 'subscribe', id: 'q1', query: '"channel":"room:1"' }), { frame: 'subscribe', id: 'q1' });
  t.same(names({ op: 'join', state: { id: 'q1' }, channel: 'room:1' }), { frame: 'join', channel: 'room:1' });
  t.same(names({ op: 'send', payload: { id: 'q1', channel: 'room:2' }, channel: 'room:1', event: 'e' }), {
    frame: 'send',
    channel: 'room:1',
  });
  t.same(names({ op: 'auth', token: 'x', id: 'q1' }), { frame: 'auth' });
  t.same(names({ op: 'unsubscribe', id: 'a"b\\' }), { frame: 'unsubscribe', id: 'a"b\\' });
  t.same(names({ op: 'subscribe', id: 'x'.repeat(65) }), { frame: 'subscribe' });
  for (const odd of [[], null, 1, { op: 'nothing', id: 'q1' }, { id: 'q1' }]) t.same(names(odd), {});
  t.same(namesOf('{"op":"subscribe","id":"q1"'), {});
});
