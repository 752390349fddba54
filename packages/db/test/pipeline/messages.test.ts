import fc from 'fast-check';
import t from 'tap';
import { PipelineMessages } from '../../src/pipeline/messages.ts';
import { frontendMessages } from './frontend-messages.ts';

t.test('messages have the bytes of the protocol', async (t) => {
  const messages = new PipelineMessages();
  messages.parse('p', 'select $1');
  t.same(messages.take(), Buffer.from('P\0\0\0\x12p\0select $1\0\0\0', 'latin1'));
  messages.describe('p');
  t.same(messages.take(), Buffer.from('D\0\0\0\x07Sp\0', 'latin1'));
  messages.close('p');
  t.same(messages.take(), Buffer.from('C\0\0\0\x07Sp\0', 'latin1'));
  messages.execute('p', ['é', null]);
  const bind = 'B\0\0\0\x17\0p\0\0\0\0\x02\0\0\0\x02\xc3\xa9\xff\xff\xff\xff\0\0';
  t.same(messages.take(), Buffer.from(`${bind}E\0\0\0\x09\0\0\0\0\0`, 'latin1'));
  messages.sync();
  t.same(messages.take(), Buffer.from('S\0\0\0\x04', 'latin1'));
  t.equal(messages.isEmpty, true);
});

t.test(
  'any texts and parameters arrive whole, also where the buffer grows, and what was taken is not overwritten',
  async (t) => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'grapheme', maxLength: 2_000 }),
      fc.constant('x'.repeat(20_000)),
    );
    const clean = text.map((value) => value.replaceAll('\0', ''));
    const call = fc.record({ sql: clean, params: fc.array(fc.option(clean), { maxLength: 5 }), takes: fc.boolean() });
    const property = fc.property(fc.array(call, { maxLength: 20 }), (calls) => {
      const messages = new PipelineMessages();
      const taken: Buffer[] = [];
      const expected: string[] = [];
      for (const { sql, params, takes } of calls) {
        messages.parse('p', sql);
        messages.execute('p', params);
        messages.sync();
        const shown = params.map((param) => (param === null ? 'null' : `'${param}'`)).join(', ');
        expected.push(`Parse p: ${sql}`, `Bind p(${shown})`, 'Execute', 'Sync');
        if (takes) taken.push(messages.take());
      }
      taken.push(messages.take());
      t.strictSame(frontendMessages(Buffer.concat(taken)), expected.map(wellFormed));
    });
    fc.assert(property, { numRuns: 200 });
  },
);

/** UTF-8 has no lone surrogates. */
const wellFormed = (text: string) => Buffer.from(text).toString();
