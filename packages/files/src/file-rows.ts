/** Rows of tidemark.files, as they are made and as they are shown. */

/** `public`: everybody may see it. `private`: its owner, the service, and whom policies let. */
export type Visibility = 'private' | 'public';

/** A row of tidemark.files, as clients see it. */
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

/** With the key of its bytes, which no client sees. */
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
  /** Absent: a new one. */
  id?: string;
  /** The `sub` of who may see it; null for the service alone. */
  owner: string | null;
  /** Absent: the owner's own. */
  bucket?: string | undefined;
  /** Absent: private. */
  visibility?: Visibility | undefined;
  jobId?: string | null;
}

export interface UploadTarget {
  /** Absent: the `sub` of the identity. */
  owner?: string | null | undefined;
  /** Absent: the owner's own. */
  bucket?: string | undefined;
  /** Absent: private. */
  visibility?: Visibility | undefined;
}

export interface UploadOptions extends UploadTarget {
  /** Rows that have one of the paths, and that the identity may delete, are deleted first. */
  replace?: boolean;
  /** Find out whether it would be allowed, and roll back. */
  dryRun?: boolean;
}
