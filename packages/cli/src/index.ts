export { signToken, type TokenOptions } from './token.ts';
export { type Credentials, loadCredentials } from './up/credentials.ts';
