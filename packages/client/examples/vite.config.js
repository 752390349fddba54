import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const PAGES = ['matches', 'fleet', 'imaging', 'sync', 'corpus'];

/** Relative addresses, so that the pages work wherever a proxy puts them. */
export default defineConfig({
  root: path('.'),
  base: './',
  resolve: {
    alias: { '@tidemark/client/react': path('../dist/react/index.js'), '@tidemark/client': path('../dist/index.js') },
  },
  build: {
    outDir: path('../dist/examples'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries([
        ['index', path('index.html')],
        ...PAGES.map((name) => [name, path(`${name}/index.html`)]),
      ]),
    },
  },
});
