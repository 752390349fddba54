import fc from 'fast-check';
import t from 'tap';
import { CopyFrames } from '../../src/stream/copy-frames.ts';
import { FRAMINGS } from '../../src/stream/copy-statement.ts';

/** The messages of a COPY with these rows. */
function framed(rows: readonly string[]): Buffer {
  const message = (type: string, body: string) => {
    const head = Buffer.from(`${type}\0\0\0\0`);
    head.writeUInt32BE(Buffer.byteLength(body) + 4, 1);
    return Buffer.concat([head, Buffer.from(body)]);
  };
  const parts = [message('H', '\0\0\0'), ...rows.map((row) => message('d', `${row}\n`)), message('c', '')];
  return Buffer.concat([...parts, message('C', `COPY ${rows.length}\0`), message('Z', 'I')]);
}

t.test('returns whole rows, wherever the network splits them', (t) => {
  const row = fc.string({ unit: 'grapheme', maxLength: 60 });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.array(row),
        fc.array(fc.nat(40)),
        fc.constantFrom('csv', 'ndjson', 'json'),
        (rows, cuts, format) => {
          const framing = FRAMINGS[format as 'csv'];
          const frames = new CopyFrames(framing);
          const bytes = framed(rows);
          let out = '';
          const read: Buffer[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const length = (cuts[i % (cuts.length || 1)] ?? 40) + 1;
            read.push(Buffer.from(frames.take(Buffer.from(bytes.subarray(at, at + length)))));
            at += length;
          }
          out = framing.open + Buffer.concat(read).toString() + framing.close;
          const expected = {
            csv: rows.join('\n'),
            ndjson: rows.map((one) => `${one}\n`).join(''),
            json: `[${rows.map((one) => `${one}\n`).join(',')}]`,
          };
          return (
            out === expected[format as 'csv'] &&
            frames.rows === rows.length &&
            frames.messages.map(({ type }) => type).join('') === 'HcCZ'
          );
        },
      ),
      { numRuns: 300 },
    ),
  );
  t.end();
});
