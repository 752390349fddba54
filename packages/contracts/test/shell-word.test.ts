import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { shellWord } from '../src/index.ts';

t.test('a shell reads a quoted word as the text that it was', async (t) => {
  t.equal(shellWord('shop.orders'), 'shop.orders');
  t.equal(shellWord('public.Track List'), "'public.Track List'");
  const text = fc.string({ minLength: 1 }).filter((one) => !one.includes('\0'));
  const words = [...fc.sample(text, 50), "it's", '$(exit 1)', '`x`', '\\', '*', '~', 'a b'];
  const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`], { encoding: 'utf8' });
  t.same(printed.split('\0').slice(0, -1), words);
});
