export * from 'typebox-as-published/format';
export { default } from 'typebox-as-published/format';
