/** Policies on `tidemark.files` decide who may see files. */
import type { Requests } from './requests.ts';

/** A row of `tidemark.files`, as the API returns it. */
export interface StoredFile {
  id: string;
  /** The namespace of the path: `~<sub>` is the user's own. */
  bucket: string;
  path: string;
  /** Detected from the bytes if they are of a known format; otherwise the declared type. */
  content_type: string;
  /** Bytes. */
  size: number;
  /** SHA-256, hexadecimal. */
  sha256: string;
  metadata: Record<string, unknown> | null;
  owner: string | null;
  /** Anyone may read a `public` file. */
  visibility: 'private' | 'public';
  job_id: string | null;
  created_at: string;
  /** Path of the download, relative to the gateway's address. */
  href: string;
}

export interface UploadOptions {
  /** The declared type; a type detected from the bytes has precedence. */
  type?: string;
  metadata?: Record<string, unknown>;
  /** Default: the user's own bucket. Shared buckets need a policy. */
  bucket?: string;
  /** Default private; `public` needs a policy. */
  visibility?: 'private' | 'public';
  /** Replaces an existing file of the same path. Default false: an existing file is an error. */
  replace?: boolean;
  signal?: AbortSignal;
}

export interface ListOptions {
  /** Default: all visible buckets. */
  bucket?: string;
  prefix?: string;
  /** Lists paths after this one, in byte order: the last path of the previous page. */
  after?: string;
  /** The bucket of `after`, needed without `bucket`: a path may exist in several buckets. */
  afterBucket?: string;
  /** 1 to 1,000; default 100. */
  limit?: number;
}

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

  /** Returns the unread response. @param file id, or path in the given bucket (default: the user's own) */
  download(file: string, init: { bucket?: string; range?: string; signal?: AbortSignal } = {}): Promise<Response> {
    return this.#requests.send('GET', `/api/v1/files/${inPath(file)}${queryOf({ bucket: init.bucket })}`, {
      ...(init.range === undefined ? {} : { headers: { range: init.range } }),
      ...(init.signal ? { signal: init.signal } : {}),
    });
  }

  list(options: ListOptions = {}): Promise<StoredFile[]> {
    return this.#requests.json('GET', `/api/v1/files${queryOf({ ...options })}`);
  }

  async remove(file: string, { bucket }: { bucket?: string } = {}): Promise<void> {
    await this.#requests.send('DELETE', `/api/v1/files/${inPath(file)}${queryOf({ bucket })}`);
  }

  /** Returns an absolute URL that works without a token while the signer may see the file. @param expiresIn seconds */
  async sign(id: string, expiresIn: number): Promise<{ url: string; expiresAt: string }> {
    const path = `/api/v1/files/${encodeURIComponent(id)}/sign`;
    const { url, expiresAt } = await this.#requests.json<{ url: string; expiresAt: string }>('POST', path, {
      expiresIn,
    });
    return { url: this.#requests.absolute(url), expiresAt };
  }
}

const DEFAULT_TYPE = 'application/octet-stream';
