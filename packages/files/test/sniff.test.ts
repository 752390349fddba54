import fc from 'fast-check';
import t from 'tap';
import { SNIFF_BYTES, sniffImage } from '../src/sniff.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

t.test('recognises images by their first bytes', async (t) => {
  const table: [string, Uint8Array, string | undefined][] = [
    ['png', hex('89504e470d0a1a0a 0000000d'), 'image/png'],
    ['jpeg with JFIF', hex('ffd8ffe0 00104a464946'), 'image/jpeg'],
    ['jpeg with Exif', hex('ffd8ffe1'), 'image/jpeg'],
    ['webp', Buffer.from('RIFF\0\0\0\0WEBPVP8 '), 'image/webp'],
    ['gif 87', Buffer.from('GIF87a'), 'image/gif'],
    ['gif 89', Buffer.from('GIF89a...'), 'image/gif'],
    ['wave sound', Buffer.from('RIFF\0\0\0\0WAVEfmt '), undefined],
    ['cut short', hex('89504e47'), undefined],
    ['empty', Buffer.alloc(0), undefined],
    ['svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg">'), undefined],
    ['text with a signature later', Buffer.from('xGIF89a'), undefined],
  ];
  for (const [name, bytes, type] of table) t.equal(sniffImage(bytes), type, name);
});

t.test('looks only at the first bytes, at any offset of the underlying memory', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 40 }), fc.nat(16), (bytes, offset) => {
      const memory = new Uint8Array(offset + bytes.length);
      memory.set(bytes, offset);
      return sniffImage(memory.subarray(offset)) === sniffImage(bytes.slice(0, SNIFF_BYTES));
    }),
  );
});
