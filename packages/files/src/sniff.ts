export type ImageType = 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif';

export const SNIFF_BYTES = 12;

const bytes = (...values: number[]) => Buffer.from(values);
const SIGNATURES: readonly { type: ImageType; parts: readonly { at: number; is: Buffer }[] }[] = [
  // https://www.w3.org/TR/png-3/#5PNG-file-signature
  { type: 'image/png', parts: [{ at: 0, is: bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a) }] },
  // https://www.w3.org/Graphics/JPEG/itu-t81.pdf: SOI, then the first byte of any marker.
  { type: 'image/jpeg', parts: [{ at: 0, is: bytes(0xff, 0xd8, 0xff) }] },
  // https://developers.google.com/speed/webp/docs/riff_container
  {
    type: 'image/webp',
    parts: [
      { at: 0, is: Buffer.from('RIFF') },
      { at: 8, is: Buffer.from('WEBP') },
    ],
  },
  // https://www.w3.org/Graphics/GIF/spec-gif89a.txt
  { type: 'image/gif', parts: [{ at: 0, is: Buffer.from('GIF87a') }] },
  { type: 'image/gif', parts: [{ at: 0, is: Buffer.from('GIF89a') }] },
];

export function sniffImage(head: Uint8Array): ImageType | undefined {
  const buffer = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  return SIGNATURES.find(({ parts }) =>
    parts.every(({ at, is }) => buffer.length >= at + is.length && buffer.subarray(at, at + is.length).equals(is)),
  )?.type;
}
