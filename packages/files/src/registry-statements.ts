const COLUMNS = 'id, bucket, path, content_type, size, sha256, metadata, owner, visibility, job_id, created_at';

export const registryStatements = {
  // Only the service has rights on this table. The trigger on files takes size, hash and type from it.
  contents: `
    insert into tidemark.file_contents (id, storage_key, content_type, size, sha256)
    select id, storage_key, content_type, size, sha256
    from jsonb_to_recordset($1::jsonb) as f (id uuid, storage_key text, content_type text, size bigint, sha256 text)`,
  keysOnly: `
    insert into tidemark.file_contents (id, storage_key)
    select id, storage_key from jsonb_to_recordset($1::jsonb) as f (id uuid, storage_key text)`,
  // Needs the right to insert type, size and hash, which callers of the API do not have.
  insert: `
    insert into tidemark.files (id, bucket, path, content_type, size, sha256, metadata, owner, visibility, job_id)
    select id, bucket, path, content_type, size, sha256, metadata, owner, coalesce(visibility, 'private'), job_id
    from jsonb_to_recordset($1::jsonb) as f (
      id uuid, bucket text, path text, content_type text, size bigint, sha256 text, metadata jsonb, owner text, visibility text,
      job_id uuid)
    returning ${COLUMNS}`,
  // Runs as the caller, with granted columns only. Without a bucket, the trigger sets the bucket of the owner.
  insertOwn: `
    insert into tidemark.files (id, bucket, path, metadata, visibility)
    select id, bucket, path, metadata, coalesce(visibility, 'private')
    from jsonb_to_recordset($1::jsonb) as f (id uuid, bucket text, path text, metadata jsonb, visibility text)
    returning ${COLUMNS}`,
  insertFor: `
    insert into tidemark.files (id, bucket, path, metadata, visibility, owner)
    select id, bucket, path, metadata, coalesce(visibility, 'private'), owner
    from jsonb_to_recordset($1::jsonb) as f (id uuid, bucket text, path text, metadata jsonb, visibility text, owner text)
    returning ${COLUMNS}`,
  serviceAgain: `select set_config('role', 'none', true)`,
  find: `
    select ${COLUMNS} from tidemark.files
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
  // $2 is the bucket; null: the bucket of the identity.
  findByPath: `select ${COLUMNS} from tidemark.files where bucket = coalesce($2::text, tidemark.own_bucket()) and path = $1`,
  removeByPath: `delete from tidemark.files where bucket = coalesce($2::text, tidemark.own_bucket()) and path = $1`,
  removeById: 'delete from tidemark.files where id = $1::uuid',
  removeOwn: `
    delete from tidemark.files where bucket = coalesce($2::text, tidemark.own_bucket())
      and path in (select value from jsonb_array_elements_text($1::jsonb))`,
  removeFor: `
    delete from tidemark.files where bucket = coalesce($2::text, tidemark.private_bucket($3::text))
      and path in (select value from jsonb_array_elements_text($1::jsonb))`,
  keys: `
    select id, storage_key from tidemark.file_contents
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
  // The text_pattern operators compare bytes and use the index files_path_prefix under every plan, which LIKE with
  // a parameter does not. U+10FFFF is a noncharacter: nothing real sorts after the prefix with it.
  // $1: prefix, $2: path of the row before, $3: limit, $4: its bucket. A path may be there in several buckets.
  list: `
    select ${COLUMNS} from tidemark.files
    where path ~>=~ $1::text and path ~<~ ($1::text || U&'\\+10FFFF') and starts_with(path, $1::text)
      and path ~>=~ $2::text and (path ~>~ $2::text or bucket ~>~ $4::text)
    order by path using ~<~, bucket using ~<~
    limit $3::int`,
  listBucket: `
    select ${COLUMNS} from tidemark.files
    where bucket = $4::text and path ~>=~ $1::text and path ~<~ ($1::text || U&'\\+10FFFF')
      and starts_with(path, $1::text) and path ~>~ $2::text
    order by path using ~<~
    limit $3::int`,
  referenced: `
    select distinct c.storage_key from jsonb_array_elements_text($1::jsonb) as k (value)
    join tidemark.file_contents c on hashtextextended(c.storage_key, 0) = hashtextextended(k.value, 0) and c.storage_key = k.value`,
} as const;

/** Sorts behind every bucket name: a page that begins after a path skips that path in all buckets. */
const AFTER_ALL_BUCKETS = '\u{10FFFF}';

export interface ListOptions {
  prefix: string;
  bucket?: string | undefined;
  after?: string | undefined;
  /** The bucket of that row; required when several buckets are listed. */
  afterBucket?: string | undefined;
  limit: number;
}

export function listStatement({ prefix, bucket, after = '', afterBucket, limit }: ListOptions) {
  return bucket === undefined
    ? { text: registryStatements.list, params: [prefix, after, limit, afterBucket ?? AFTER_ALL_BUCKETS] }
    : { text: registryStatements.listBucket, params: [prefix, after, limit, bucket] };
}
