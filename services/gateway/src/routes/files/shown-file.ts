import type { FileFacts } from '@tidemark/files';

export interface ShownFile extends FileFacts {
  href: string;
}

export function shownFile(file: FileFacts): ShownFile {
  return {
    id: file.id,
    bucket: file.bucket,
    path: file.path,
    content_type: file.content_type,
    size: Number(file.size),
    sha256: file.sha256,
    metadata: file.metadata,
    owner: file.owner,
    visibility: file.visibility,
    job_id: file.job_id,
    created_at: new Date(file.created_at).toISOString(),
    href: `/api/v1/files/${file.id}`,
  };
}
