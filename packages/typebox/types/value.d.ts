export * from 'typebox-as-published/value';
export { default } from 'typebox-as-published/value';
