export * from 'typebox-as-published';
export { default } from 'typebox-as-published';
