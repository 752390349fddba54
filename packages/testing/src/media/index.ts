export { type ModelServer, startModelServer } from './model-server.ts';
export { pdfOf } from './pdf-document.ts';
