export type { Claim } from './play/claim.ts';
export { blueprintNames, play } from './play/play.ts';
export { signToken, type TokenOptions } from './token.ts';
export { type Credentials, loadCredentials } from './up/credentials.ts';
