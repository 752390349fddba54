/**
 * Runs before `pnpm pack`: writes the types of @tidemark/contracts that the declarations use into dist/wire.d.ts, since that
 * package is not published. Shapes only, as the schemas give them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const CONTRACTS = '@tidemark/contracts';
const client = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(client, 'dist');
const importOf = new RegExp(`import (?:type )?\\{([^}]*)\\} from '${CONTRACTS}';`);

if (!existsSync(join(dist, 'index.d.ts')))
  throw new Error('no declarations: `npm start` builds none, `npm run build` does');

const importing = readdirSync(dist, { recursive: true })
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => join(dist, name))
  .filter((file) => importOf.test(readFileSync(file, 'utf8')));
const names = new Set(
  importing.flatMap((file) =>
    importOf
      .exec(readFileSync(file, 'utf8'))[1]
      .split(',')
      .map((name) => name.trim()),
  ),
);
names.delete('');

if (names.size > 0) {
  writeFileSync(join(dist, 'wire.d.ts'), shapesOf([...names].sort()));
  for (const file of importing) {
    const path = relative(dirname(file), join(dist, 'wire.js'));
    const from = path.startsWith('.') ? path : `./${path}`;
    writeFileSync(file, readFileSync(file, 'utf8').replace(`'${CONTRACTS}'`, `'${from}'`));
  }
}

function shapesOf(types) {
  const file = join(client, 'src', 'wire-types.ts');
  const aliases = types.map((name) => `export type Shape${name} = ${name};`);
  const text = [`import type { ${types.join(', ')} } from '${CONTRACTS}';`, ...aliases].join('\n');
  const options = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, strict: true };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (path, ...rest) =>
    path === file
      ? ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
      : getSourceFile.call(host, path, ...rest);
  host.fileExists = (path) => path === file || fileExists.call(host, path);
  const program = ts.createProgram([file], options, host);
  const checker = program.getTypeChecker();
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
  const lines = program
    .getSourceFile(file)
    .statements.filter(ts.isTypeAliasDeclaration)
    .map((alias, index) => {
      const shape = checker.typeToString(checker.getTypeAtLocation(alias.name), undefined, flags);
      if (shape === 'any') throw new Error(`the type ${types[index]} of ${CONTRACTS} could not be resolved`);
      return `export type ${types[index]} = ${shape};\n`;
    });
  return lines.join('');
}
