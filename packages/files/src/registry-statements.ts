/** The statements over tidemark.files and tidemark.file_contents. Lists travel as one JSON parameter. */
const COLUMNS = 'id, path, content_type, size, sha256, metadata, owner, job_id, created_at';

export const registryStatements = {
  // As the service: no role has a right to this table. The trigger on files takes size, hash and type from here.
  contents: `
    insert into tidemark.file_contents (id, storage_key, content_type, size, sha256)
    select id, storage_key, content_type, size, sha256
    from jsonb_to_recordset($1::jsonb) as f (id uuid, storage_key text, content_type text, size bigint, sha256 text)`,
  insert: `
    insert into tidemark.files (id, path, metadata, owner, job_id)
    select id, path, metadata, owner, job_id
    from jsonb_to_recordset($1::jsonb) as f (id uuid, path text, metadata jsonb, owner text, job_id uuid)
    returning ${COLUMNS}`,
  // Under the caller's identity: granted columns only.
  insertOwn: `
    insert into tidemark.files (id, path, metadata)
    select id, path, metadata from jsonb_to_recordset($1::jsonb) as f (id uuid, path text, metadata jsonb)
    returning ${COLUMNS}`,
  insertFor: `
    insert into tidemark.files (id, path, metadata, owner)
    select id, path, metadata, owner from jsonb_to_recordset($1::jsonb) as f (id uuid, path text, metadata jsonb, owner text)
    returning ${COLUMNS}`,
  serviceAgain: `select set_config('role', 'none', true)`,
  find: `
    select ${COLUMNS} from tidemark.files
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
  findByPath: `select ${COLUMNS} from tidemark.files where path = $1`,
  removePaths: `delete from tidemark.files where path in (select value from jsonb_array_elements_text($1::jsonb))`,
  keys: `
    select id, storage_key from tidemark.file_contents
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
  // The text_pattern operators compare bytes and use the index files_path_prefix under every plan, which LIKE with
  // a parameter does not. U+10FFFF is a noncharacter: nothing real sorts after the prefix with it.
  list: `
    select ${COLUMNS} from tidemark.files
    where path ~>=~ $1::text and path ~<~ ($1::text || U&'\\+10FFFF') and starts_with(path, $1::text) and path ~>~ $2::text
    order by path using ~<~
    limit $3::int`,
  referenced: `
    select distinct storage_key from tidemark.file_contents
    where storage_key in (select value from jsonb_array_elements_text($1::jsonb))`,
} as const;
