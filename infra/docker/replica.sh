#!/bin/bash
# Copies the primary the first time, then follows it.
set -euo pipefail
data=/var/lib/postgresql/18/docker
if [ ! -s "$data/PG_VERSION" ]; then
  mkdir -p "$data"
  chmod 700 "$data"
  # The password goes into a file of its own: the statistics of replication show what is in primary_conninfo.
  (umask 077; echo "primary:5432:replication:tidemark_replicator:$PGPASSWORD" > /var/lib/postgresql/passfile)
  pg_basebackup -h primary -U tidemark_replicator -D "$data" -X stream -R \
    -d "host=primary user=tidemark_replicator passfile=/var/lib/postgresql/passfile"
fi
exec postgres -D "$data" -c config_file=/etc/postgresql/postgresql.conf -c hba_file="$data/pg_hba.conf" -c 'listen_addresses=*'
