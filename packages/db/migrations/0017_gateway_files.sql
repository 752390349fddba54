-- A signed URL is read with its signer's rights: the gateway reads no file as itself any more.
drop policy files_gateway on tidemark.files;
revoke select on tidemark.files from tidemark_gateway;
