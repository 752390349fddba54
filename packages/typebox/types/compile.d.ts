export * from 'typebox-as-published/compile';
export { default } from 'typebox-as-published/compile';
