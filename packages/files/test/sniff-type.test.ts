import t from 'tap';
import { agreedType, isInlineSafe, sniffType } from '../src/sniff-type.ts';

const heads = {
  png: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
  jpeg: Buffer.from('ffd8ffe000104a464946000101000001', 'hex'),
  gif: Buffer.from('GIF89a..........'),
  avif: Buffer.from('\0\0\0\x1cftypavif\0\0\0\0', 'latin1'),
  heic: Buffer.from('\0\0\0\x1cftypheic\0\0\0\0', 'latin1'),
  bmp: Buffer.from('BM\x46\0\0\0\0\0\0\0\x36\0\0\0\0\0', 'latin1'),
  tiff: Buffer.from('II*\0\x08\0\0\0', 'latin1'),
  pdf: Buffer.from('%PDF-1.7\n'),
  html: Buffer.from('<!doctype html>'),
  text: Buffer.from('BM is a text'),
  empty: Buffer.alloc(0),
};

t.test('recognises types by their signatures', async (t) => {
  t.same(
    Object.values(heads).map((head) => sniffType(head)),
    [
      'image/png',
      'image/jpeg',
      'image/gif',
      'image/avif',
      'image/heic',
      'image/bmp',
      'image/tiff',
      'application/pdf',
      undefined,
      undefined,
      undefined,
    ],
  );
});

t.test('compares the declared type with the bytes', async (t) => {
  for (const [declared, head, type] of [
    [undefined, heads.png, 'image/png'],
    ['', heads.text, 'application/octet-stream'],
    ['application/octet-stream', heads.pdf, 'application/pdf'],
    ['image/png', heads.png, 'image/png'],
    ['IMAGE/JPG', heads.jpeg, 'image/jpeg'],
    ['text/html; charset=utf-8', heads.html, 'text/html; charset=utf-8'],
    ['text/plain', heads.text, 'text/plain'],
    ['image/svg+xml', heads.html, 'image/svg+xml'],
    ['text/plain', heads.empty, 'text/plain'],
  ] as const) {
    t.equal(agreedType(declared, head), type);
  }
  for (const [declared, head] of [
    ['image/png', heads.jpeg],
    ['image/png', heads.html],
    ['image/png', heads.empty],
    ['text/html', heads.gif],
    ['image/svg+xml', heads.png],
  ] as const) {
    t.throws(() => agreedType(declared, head), { code: 'FILES_TYPE_MISMATCH', status: 415 });
  }
  for (const bad of ['png', 'a/b/c', 'text/html\r\nx: y', 'text/html;', `a/${'b'.repeat(300)}`]) {
    t.throws(() => agreedType(bad, heads.text), { code: 'FILES_TYPE_INVALID', status: 415 });
  }
});

t.test('allows inline display only for types without script', async (t) => {
  for (const type of ['image/png', 'IMAGE/PNG', 'text/plain; charset=utf-8', 'video/mp4'])
    t.ok(isInlineSafe(type), type);
  for (const type of [
    'text/html',
    'image/svg+xml',
    'application/xhtml+xml',
    'text/xml',
    'application/octet-stream',
    'x',
  ]) {
    t.notOk(isInlineSafe(type), type);
  }
});
