import fc from 'fast-check';
import t from 'tap';
import { type ReceivedResponse, ResponseReader } from '../src/http/load/response-reader.ts';

/** Passes a response to the reader in pieces. */
function readAll(bytes: Buffer, cuts: readonly number[], includes: string): ReceivedResponse | undefined {
  const reader = new ResponseReader();
  reader.expect(Buffer.from(includes), true);
  const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
  let answer: ReceivedResponse | undefined;
  for (let n = 1; n < places.length; n++) answer = reader.read(bytes.subarray(places[n - 1], places[n])) ?? answer;
  return answer;
}

t.test('reads the same response from any number of pieces', async (t) => {
  const text = fc.string({ maxLength: 60 });
  fc.assert(
    fc.property(text, text, fc.boolean(), fc.array(fc.nat(), { maxLength: 20 }), (before, behind, chunked, cuts) => {
      const body = Buffer.from(`${before}needle${behind}`);
      const half = body.length >> 1;
      const parts = [body.subarray(0, half), body.subarray(half)];
      const chunks = parts.flatMap((part) => [
        Buffer.from(`${part.length.toString(16)}\r\n`),
        part,
        Buffer.from('\r\n'),
      ]);
      const sent = chunked
        ? [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), ...chunks, Buffer.from('0\r\n\r\n')]
        : [Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body];
      const answer = readAll(Buffer.concat(sent), cuts, 'needle');
      // The reader does not find a text across two chunks, because measured servers send short bodies in one.
      const isApart = chunked && !parts.some((part) => part.includes('needle'));
      return answer?.status === 200 && answer.bytes === body.length && answer.includes === !isApart && !answer.closes;
    }),
  );
  t.pass('all generated responses');
});

t.test('tells an empty, an expected and an unexpected body apart', async (t) => {
  const read = (text: string, includes = '') => readAll(Buffer.from(text), [], includes);
  t.match(read('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n'), { status: 201, bytes: 0, includes: true });
  t.match(read('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n'), { status: 204, includes: true, closes: true });
  t.match(read('HTTP/1.1 500 Oh\r\ncontent-length: 4\r\n\r\noops', 'fine'), { includes: false, text: 'oops' });
  t.match(read('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmore'), { includes: false });
});

t.test('throws for data other than HTTP', async (t) => {
  t.throws(() => readAll(Buffer.from('HTTP/1.1 200 OK\r\n\r\nx'), [], ''), { code: 'BENCH_NO_ANSWER' });
  t.throws(() => readAll(Buffer.alloc(70_000, 'x'), [], ''), { code: 'BENCH_NO_ANSWER' });
});
