/** The part that needs no HTTP server and no logger, for processes beside the services: it takes a fifth of the memory. */
export { type BusConfig, busConfig, busOptions } from './bus-settings.ts';
export { collectGarbage } from './collect-garbage.ts';
export { commaSeparated, loadConfig } from './config.ts';
export { isExhausted } from './exhausted.ts';
export { type ChildMessage, explain } from './run-service.ts';
export { ANY_ROLE, DEFAULT_ROLES } from './tokens/verifier.ts';
