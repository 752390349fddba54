/** Thumbnails of images, `?width=` on a file's address: made by batch, and kept in memory by content and width. */
import type { FileRow } from '@tidemark/files';
import { commaSeparated, type Metrics } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Config } from '../../../config.ts';
import type { AskAtOnce } from '../../../request/ask-at-once.ts';
import { fileRequestErrors } from '../errors.ts';

export interface Thumbnails {
  /** Undefined: the file itself is asked for. @throws GATEWAY_FILE_WIDTH */
  widthOf(given: unknown): number | undefined;
  etag(file: FileRow, width: number): string;
  make(request: FastifyRequest, file: FileRow, width: number): Promise<Thumbnail>;
}

interface Thumbnail {
  bytes: Buffer;
  contentType: string;
}

export function createThumbnails(
  { FILES_THUMBNAIL_WIDTHS, FILES_THUMBNAILS_BYTES }: Pick<Config, 'FILES_THUMBNAIL_WIDTHS' | 'FILES_THUMBNAILS_BYTES'>,
  atOnce: AskAtOnce,
  metrics: Metrics,
): Thumbnails {
  const widths = commaSeparated(FILES_THUMBNAIL_WIDTHS).map(Number);
  const kept = new LRUCache<string, Thumbnail>({
    maxSize: FILES_THUMBNAILS_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length + 500,
  });
  /** At most as many as `atOnce` takes. */
  const making = new Map<string, Promise<Thumbnail>>();
  metrics.gauge('tidemark_gateway_thumbnails_bytes', 'Bytes of thumbnails in memory', [], (g) =>
    g.set(kept.calculatedSize),
  );

  async function ask(request: FastifyRequest, file: FileRow, width: number, key: string): Promise<Thumbnail> {
    const { files } = await atOnce(request, {
      kind: 'image.transform',
      spec: { transform: { resize: { width, enlarge: false }, format: 'webp' } },
      name: file.path.split('/').at(-1) as string,
      key: file.storage_key,
    });
    const [image] = files as [(typeof files)[0]];
    const made = { bytes: Buffer.from(image.bytes, 'base64'), contentType: image.contentType };
    kept.set(key, made);
    return made;
  }

  return {
    widthOf(given) {
      if (given === undefined) return undefined;
      const width = typeof given === 'string' && /^\d{1,5}$/.test(given) ? Number(given) : Number.NaN;
      if (!widths.includes(width)) throw fileRequestErrors.WIDTH({ given: String(given), widths });
      return width;
    },
    etag: (file, width) => `"${file.sha256}-w${width}"`,
    async make(request, file, width) {
      const key = `${file.sha256} ${width}`;
      const there = kept.get(key);
      if (there) return there;
      let made = making.get(key);
      if (!made) {
        made = ask(request, file, width, key).finally(() => making.delete(key));
        making.set(key, made);
      }
      return made;
    },
  };
}
