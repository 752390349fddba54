#!/bin/bash
# Runs once, when the primary's folder is made: the roles, their passwords, and who may connect.
set -euo pipefail
sql() { psql -v ON_ERROR_STOP=1 -q -U postgres -d tidemark "$@"; }
sql -1 -f /infra/roles.sql
sql -1 -f /infra/statements.sql
sql -1 -f /infra/ddl.sql
# Passwords reach psql as variables, which it quotes.
sql -v owner="$OWNER_PASSWORD" -v gateway="$GATEWAY_PASSWORD" -v realtime="$REALTIME_PASSWORD" -v batch="$BATCH_PASSWORD" \
  -v metrics="$METRICS_PASSWORD" -v analyze="$ANALYZE_PASSWORD" -v replicator="$REPLICATOR_PASSWORD" <<'SQL'
alter role tidemark password :'owner';
alter role tidemark_gateway password :'gateway';
alter role tidemark_realtime password :'realtime';
alter role tidemark_batch password :'batch';
alter role tidemark_metrics password :'metrics';
alter role tidemark_analyze password :'analyze';
create role tidemark_replicator login replication password :'replicator';
SQL
# The administrator over the socket alone. TLS is for networks that others share: put certificates here and change host to hostssl.
{
  echo 'local all postgres peer'
  sed 's/^hostssl/host   /; s|10\.0\.0\.0/8|172.30.0.0/16|' /infra/pg_hba.conf
} > "$PGDATA/pg_hba.conf"
