import { useEffect, useState } from 'preact/hooks';
import type { Eyes } from '../../eyes/eyes.tsx';
import { GATEWAY, request } from '../../live/api.ts';

/** Larger results are not fetched for a small picture. */
const MAX_BYTES = 2 * 1024 ** 2;

/** The result of an item as a small picture, where it is an image and the eyes may read the file. */
export function Thumbnail({ file, eyes }: { file: string; eyes: Eyes }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const stop = new AbortController();
    let made: string | undefined;
    const load = async () => {
      const response = await request(`${GATEWAY}api/v1/files/${file}`, { token: eyes.token, signal: stop.signal });
      const type = response.headers.get('content-type') ?? '';
      if (!type.startsWith('image/') || Number(response.headers.get('content-length')) > MAX_BYTES) return stop.abort();
      made = URL.createObjectURL(await response.blob());
      setUrl(made);
    };
    // A file that the eyes may not read, or that is gone, has no picture.
    load().catch(() => {});
    return () => {
      stop.abort();
      if (made !== undefined) URL.revokeObjectURL(made);
    };
  }, [file, eyes.token]);
  return url === undefined ? null : <img class="thumbnail" src={url} alt="Result" />;
}
