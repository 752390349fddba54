import type { BusOptions } from '@tidemark/bus';
import { inboxPrefix, type ServiceName } from '@tidemark/contracts';
import { type Static, type TProperties, Type } from 'typebox';

export const busConfig = {
  NATS_URL: Type.String({
    default: 'nats://127.0.0.1:4222',
    description:
      'nats://host:port, or tls://host:port, which demands TLS; several with commas. User and password, or a token, may stand before an @, percent-encoded',
  }),
  NATS_USER: Type.String({ default: '', description: 'user at NATS, with NATS_PASSWORD; instead of one in NATS_URL' }),
  NATS_PASSWORD: Type.String({ default: '', description: 'its password' }),
  NATS_TOKEN: Type.String({ default: '', description: 'token, for a NATS server that has one in place of users' }),
  NATS_CREDS_FILE: Type.String({
    default: '',
    description: 'file with the JWT and seed of a NATS user; read again at each connection, so that it may be renewed',
  }),
  NATS_NKEY_SEED_FILE: Type.String({
    default: '',
    description: 'file with the nkey seed of a NATS user; read again at each connection',
  }),
  NATS_TLS_CA_FILE: Type.String({
    default: '',
    description: 'PEM of the authority of the NATS server’s certificate; empty: those that Node trusts. Demands TLS',
  }),
  NATS_TLS_CERT_FILE: Type.String({
    default: '',
    description: 'PEM of this service’s own certificate, for a NATS server that asks for one. Demands TLS',
  }),
  NATS_TLS_KEY_FILE: Type.String({ default: '', description: 'PEM of that certificate’s key' }),
  NATS_INBOX_PREFIX: Type.String({
    default: '',
    pattern: '^[A-Za-z0-9_.-]*$',
    description: 'in front of the subjects of replies; empty: _INBOX.<service>, which only that service may subscribe',
  }),
  NATS_STREAM_REPLICAS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 5,
    description: 'copies of each stream in a cluster of NATS servers; 0: one, or as many as the stream has',
  }),
  NATS_PREFIX: Type.String({
    default: '',
    pattern: '^[A-Za-z0-9_-]*$',
    description: 'in front of every subject and stream',
  }),
} satisfies TProperties;

export type BusConfig = { readonly [K in keyof typeof busConfig]: Static<(typeof busConfig)[K]> };

/** Without `service` (the command line) the inbox prefix is NATS's own `_INBOX`. */
export function busOptions(config: BusConfig, service?: ServiceName): Omit<BusOptions, 'name' | 'observe'> {
  return {
    url: config.NATS_URL,
    user: config.NATS_USER,
    password: config.NATS_PASSWORD,
    token: config.NATS_TOKEN,
    credsFile: config.NATS_CREDS_FILE,
    nkeySeedFile: config.NATS_NKEY_SEED_FILE,
    tlsCaFile: config.NATS_TLS_CA_FILE,
    tlsCertFile: config.NATS_TLS_CERT_FILE,
    tlsKeyFile: config.NATS_TLS_KEY_FILE,
    streamReplicas: config.NATS_STREAM_REPLICAS,
    prefix: config.NATS_PREFIX,
    inboxPrefix: config.NATS_INBOX_PREFIX || (service === undefined ? '' : inboxPrefix(service)),
  };
}
