import { busPermissions, natsAuthorization, SERVICE_NAMES } from '@tidemark/contracts';

export function natsConfig(prefix: string): string {
  const permissions = busPermissions(prefix);
  const users = [
    { name: 'admin', password: '$admin_password' },
    ...SERVICE_NAMES.map((name) => ({ name, password: `$${name}_password`, permissions: permissions[name] })),
  ];
  return `# Printed by \`tidemark nats-config\`, from packages/contracts/src/bus-permissions.ts; a test compares the two.
# README.md beside it says how to make passwords.conf, and how to run a cluster.
server_name: tidemark
listen: "0.0.0.0:4222"
include "passwords.conf"

jetstream {
  store_dir: "/var/lib/nats"
  max_memory_store: 256MB
  # CHANGES has at most 1 GiB, WORK 64 MiB (packages/bus). JetStream sets them aside when the streams are made.
  max_file_store: 8GB
  # nats-server 2.10 or later: each message is on the disk before it is acknowledged.
  # sync_interval: always
}

# Beyond loopback, passwords and rows should not travel in the clear.
# tls {
#   cert_file: "/etc/nats/server.pem"
#   key_file: "/etc/nats/server.key"
#   ca_file: "/etc/nats/ca.pem"
#   verify: true
# }

# A connection waits two seconds for its credentials; no service opens more than one.
max_connections: 1024
max_payload: 1MB

${natsAuthorization(users)}`;
}
