export { ModelClient, type ModelClientOptions, type Row, rowsText } from './model-client.ts';
export { changeThings, FILTERS, random, thingsTable } from './workload.ts';
