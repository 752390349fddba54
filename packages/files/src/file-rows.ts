/** `public`: every role may read the file. `private`: its owner, the service, and roles that a policy admits. */
export type Visibility = 'private' | 'public';

export interface FileFacts {
  id: string;
  bucket: string;
  path: string;
  content_type: string;
  size: number;
  sha256: string;
  metadata: Record<string, unknown>;
  owner: string | null;
  visibility: Visibility;
  job_id: string | null;
  created_at: string;
}

/** Includes the key of the content, which clients never get. */
export interface FileRow extends FileFacts {
  storage_key: string;
}

/** An upload before its row is inserted; the role that inserts the row becomes its owner. */
export interface UploadedFile {
  path: string;
  contentType: string;
  size: number;
  sha256: string;
  storageKey: string;
  metadata?: Record<string, unknown>;
}

export interface NewFile extends UploadedFile {
  id?: string;
  /** The `sub` of the owner; null: only the service may read the file. */
  owner: string | null;
  /** Default: the bucket of the owner. */
  bucket?: string | undefined;
  visibility?: Visibility | undefined;
  jobId?: string | null;
}

export interface UploadTarget {
  /** Default: the `sub` of the identity. */
  owner?: string | null | undefined;
  bucket?: string | undefined;
  visibility?: Visibility | undefined;
}

export interface UploadOptions extends UploadTarget {
  /** Deletes existing rows with one of the paths first, if the identity may delete them. */
  replace?: boolean;
  /** Checks whether the insert is allowed, and rolls back. */
  dryRun?: boolean;
}
