/** Files: bytes under a path, and who may see them is decided by policies on `tidemark.files`. */
import type { Requests } from './requests.ts';

/** A row of `tidemark.files`, as the API shows it. */
export interface StoredFile {
  id: string;
  /** The namespace of the path: `~<sub>` for files of one's own. */
  bucket: string;
  path: string;
  /** As its bytes tell it, where they do. */
  content_type: string;
  /** Bytes. */
  size: number;
  /** SHA-256, hexadecimal. */
  sha256: string;
  metadata: Record<string, unknown> | null;
  owner: string | null;
  /** `public`: everybody may see it. */
  visibility: 'private' | 'public';
  /** The job that made it. */
  job_id: string | null;
  created_at: string;
  /** Where to download it, below the gateway's address. */
  href: string;
}

export interface UploadOptions {
  /** The declared type; the bytes decide where they can. */
  type?: string;
  metadata?: Record<string, unknown>;
  /** Default: the bucket of one's own files. Shared buckets need a policy. */
  bucket?: string;
  /** Default private; `public` needs a policy. */
  visibility?: 'private' | 'public';
  /** Whether a file of that path may be there; it is replaced then. Default false. */
  replace?: boolean;
  signal?: AbortSignal;
}

export interface ListOptions {
  /** Files of this bucket; default those of all that one may see. */
  bucket?: string;
  /** Paths that begin so. */
  prefix?: string;
  /** Paths behind this one, in byte order: the last of the page before. */
  after?: string;
  /** The bucket of that one, where no bucket is given: a path may be in several. */
  afterBucket?: string;
  /** 1 to 1,000; default 100. */
  limit?: number;
}

/** With its question mark; empty where nothing is given. */
function queryOf(parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, `${value}`]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

const inPath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

export class Files {
  #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** @param body a Blob or File, bytes, text, or a stream of bytes */
  async upload(path: string, body: BodyInit, options: UploadOptions = {}): Promise<StoredFile> {
    const { bucket, visibility } = options;
    const metadata = options.metadata && JSON.stringify(options.metadata);
    const query = queryOf({ bucket, visibility, metadata });
    const streams = body instanceof ReadableStream ? { duplex: 'half' } : {};
    const response = await this.#requests.send(
      options.replace ? 'PUT' : 'POST',
      `/api/v1/files/${inPath(path)}${query}`,
      {
        body,
        headers: { 'content-type': options.type ?? (body instanceof Blob && body.type ? body.type : DEFAULT_TYPE) },
        ...(options.signal ? { signal: options.signal } : {}),
        ...streams,
      },
    );
    return response.json() as Promise<StoredFile>;
  }

  /** The answer as it comes: `.blob()`, `.arrayBuffer()`, `.body`. @param file its id, or its path in one's own or the given bucket */
  download(file: string, init: { bucket?: string; range?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return this.#requests.send('GET', `/api/v1/files/${inPath(file)}${queryOf({ bucket: init.bucket })}`, {
      ...(init.range === undefined ? {} : { headers: { range: init.range } }),
      ...(init.signal ? { signal: init.signal } : {}),
    });
  }

  list(options: ListOptions = {}): Promise<StoredFile[]> {
    return this.#requests.json('GET', `/api/v1/files${queryOf({ ...options })}`);
  }

  /** @param file its id, or its path in one's own or the given bucket */
  async remove(file: string, { bucket }: { bucket?: string } = {}): Promise<void> {
    await this.#requests.send('DELETE', `/api/v1/files/${inPath(file)}${queryOf({ bucket })}`);
  }

  /** A URL that works without a token, while its signer may see the file. @param expiresIn seconds */
  sign(id: string, expiresIn: number): Promise<{ url: string; expiresAt: string }> {
    return this.#requests.json('POST', `/api/v1/files/${encodeURIComponent(id)}/sign`, { expiresIn });
  }
}

const DEFAULT_TYPE = 'application/octet-stream';
