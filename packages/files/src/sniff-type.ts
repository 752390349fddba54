/** Compares declared and actual types: https://mimesniff.spec.whatwg.org/#matching-a-mime-type-pattern */
import { fileErrors } from './errors.ts';
import { type ImageType, sniffImage } from './sniff.ts';

export type SniffedType = ImageType | 'image/avif' | 'image/heic' | 'image/bmp' | 'image/tiff' | 'application/pdf';

export const TYPE_BYTES = 16;
const UNKNOWN_TYPE = 'application/octet-stream';

const MAX_TYPE_LENGTH = 255;
/** RFC 9110 §8.3.1, with at most a few parameters. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\\r\n]*"))*$/;
/** Images that have no signature to look for: told by their declared type alone, and never shown inline. */
const UNSIGNED_IMAGES = new Set([
  'image/svg+xml',
  'image/x-icon',
  'image/vnd.microsoft.icon',
  'image/jxl',
  'image/jp2',
]);
const ALIASES: Readonly<Record<string, string>> = {
  'image/jpg': 'image/jpeg',
  'image/pjpeg': 'image/jpeg',
  'image/x-png': 'image/png',
  'image/heif': 'image/heic',
  'image/x-ms-bmp': 'image/bmp',
};

export function sniffType(head: Uint8Array): SniffedType | undefined {
  const image = sniffImage(head);
  if (image) return image;
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  if (text.startsWith('%PDF-')) return 'application/pdf';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'image/tiff';
  // ISO 14496-12: a size, 'ftyp', then the brand.
  if (text.slice(4, 12) === 'ftypavif' || text.slice(4, 12) === 'ftypavis') return 'image/avif';
  if (/^.{4}ftyp(?:heic|heix|mif1|msf1)/s.test(text)) return 'image/heic';
  // 'BM' alone begins many texts; the reserved bytes of its header are zero.
  if (text.startsWith('BM') && text.slice(6, 10) === '\0\0\0\0') return 'image/bmp';
  return undefined;
}

/** Returns the declared type, or the sniffed one if none is declared; both must agree whether it is an image. */
export function agreedType(declared: string | undefined, head: Uint8Array): string {
  const sniffed = sniffType(head);
  const given = (declared ?? '').trim();
  if (given.length > MAX_TYPE_LENGTH || (given !== '' && !MEDIA_TYPE.test(given))) {
    throw fileErrors.TYPE_INVALID({ type: given });
  }
  const essence = essenceOf(given);
  if (essence === '' || essence === UNKNOWN_TYPE) return sniffed ?? UNKNOWN_TYPE;
  const isImage = essence.startsWith('image/') && !UNSIGNED_IMAGES.has(essence);
  const looksLikeImage = sniffed?.startsWith('image/') ?? false;
  if ((isImage || looksLikeImage) && essence !== sniffed) {
    throw fileErrors.TYPE_MISMATCH({ declared: essence, found: sniffed ?? 'no known image' });
  }
  return isImage ? essence : given;
}

const INLINE = new Set<string>([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/bmp',
  'text/plain',
  'application/pdf',
  'application/json',
]);

/** Whether a browser may show it in place: types that cannot run script. HTML, SVG, XML and whatever is not known are downloads. */
export function isInlineSafe(type: string): boolean {
  const essence = essenceOf(type);
  return INLINE.has(essence) || /^(?:audio|video)\/[\w.-]+$/.test(essence);
}

function essenceOf(type: string): string {
  const essence = type.split(';', 1)[0]!.trim().toLowerCase();
  return ALIASES[essence] ?? essence;
}
