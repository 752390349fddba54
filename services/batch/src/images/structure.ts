import { crc32 } from 'node:zlib';
import type { InputType } from './image-facts.ts';

/** Explains a decoder's failure, because messages of libvips may belong to another thread's image. */
export function structureProblem(type: InputType, bytes: Buffer): string | undefined {
  switch (type) {
    case 'image/png':
      return pngProblem(bytes);
    case 'image/jpeg':
      return jpegProblem(bytes);
    case 'image/gif':
      return bytes.includes(GIF_TRAILER, GIF_HEADER_BYTES) ? undefined : 'it ends before its trailer';
    case 'image/webp':
      return webpProblem(bytes);
    case 'image/avif':
      return avifProblem(bytes);
  }
}

const GIF_TRAILER = 0x3b;
const GIF_HEADER_BYTES = 13;
const PNG_SIGNATURE_BYTES = 8;
/** A chunk has a length, a type and a checksum. */
const PNG_CHUNK_BYTES = 12;

/** https://www.w3.org/TR/png-3/#5Chunk-layout */
function pngProblem(bytes: Buffer): string | undefined {
  for (let at = PNG_SIGNATURE_BYTES; at + PNG_CHUNK_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const end = at + PNG_CHUNK_BYTES + length;
    if (!/^[A-Za-z]{4}$/.test(type)) return `there is no chunk at byte ${at}`;
    if (end > bytes.length) return `it ends within the chunk ${type} at byte ${at}`;
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) {
      return `the checksum of the chunk ${type} at byte ${at} is wrong`;
    }
    if (type === 'IEND') return undefined;
    at = end;
  }
  return 'it ends before its last chunk';
}

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = Buffer.from([0xff, 0xd9]);

/** Reads marker segments (ITU T.81, annex B) up to the first scan, which an end-of-image marker follows. */
function jpegProblem(bytes: Buffer): string | undefined {
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return `there is no marker at byte ${at}`;
    if (bytes[at + 1] === 0xff) {
      at += 1;
      continue;
    }
    if (bytes[at + 1] === START_OF_SCAN) {
      return bytes.includes(END_OF_IMAGE, at) ? undefined : 'it ends before its end-of-image marker';
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return 'it ends before its first scan';
}

const RIFF_HEADER_BYTES = 8;

/** https://developers.google.com/speed/webp/docs/riff_container */
function webpProblem(bytes: Buffer): string | undefined {
  const wanted = bytes.readUInt32LE(4) + RIFF_HEADER_BYTES;
  return wanted > bytes.length ? `it has ${bytes.length} of the ${wanted} bytes that its header names` : undefined;
}

/** ISO 14496-12, 4.2: boxes of a size and a type; the size 1 is followed by one of 64 bits, and 0 reaches to the end. */
function avifProblem(bytes: Buffer): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) return `it ends within the box at byte ${at}`;
    const short = bytes.readUInt32BE(at);
    if (short === 0) return undefined;
    const size = short === 1 && at + 16 <= bytes.length ? Number(bytes.readBigUInt64BE(at + 8)) : short;
    if (size < 8 || at + size > bytes.length) return `it ends within the box at byte ${at}`;
    at += size;
  }
  return undefined;
}
