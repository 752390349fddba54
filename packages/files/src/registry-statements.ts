/** The statements over tidemark.files. Lists travel as one JSON parameter. */
const COLUMNS = 'id, path, content_type, size, sha256, storage_key, metadata, owner, job_id, created_at';

export const registryStatements = {
  insert: `
    insert into tidemark.files (path, content_type, size, sha256, storage_key, metadata, owner, job_id)
    select path, content_type, size, sha256, storage_key, metadata, owner, job_id
    from jsonb_to_recordset($1::jsonb) as f (path text, content_type text, size bigint, sha256 text, storage_key text,
      metadata jsonb, owner text, job_id uuid)
    returning ${COLUMNS}`,
  find: `
    select ${COLUMNS} from tidemark.files
    where id in (select value::uuid from jsonb_array_elements_text($1::jsonb))`,
  // The text_pattern operators compare bytes and use the index files_path_prefix under every plan, which LIKE with
  // a parameter does not. U+10FFFF is a noncharacter: nothing real sorts after the prefix with it.
  list: `
    select ${COLUMNS} from tidemark.files
    where path ~>=~ $1::text and path ~<~ ($1::text || U&'\\+10FFFF') and starts_with(path, $1::text) and path ~>~ $2::text
    order by path using ~<~
    limit $3::int`,
  referenced: `
    select distinct storage_key from tidemark.files
    where storage_key in (select value from jsonb_array_elements_text($1::jsonb))`,
} as const;
