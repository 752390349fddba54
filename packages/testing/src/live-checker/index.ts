export { type Row, rowsText } from './held-rows.ts';
export { ModelClient, type ModelClientOptions, type Sent } from './model-client.ts';
export { as, FILTERS, type Guise, population } from './population.ts';
export { claimsOf, TABLES, USERS, type User } from './tables.ts';
export { changeThings, random, thingsTables } from './workload.ts';
