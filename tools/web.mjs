// Serves the web page with a guest to boot in it, on this machine alone: node tools/web.mjs [--port N] [--image FOLDER]
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { basename, dirname, extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPage } from './page.mjs';

// A bad option, a port that is taken, an image that cannot be built: whatever it is, nothing is served.
process.on('uncaughtException', ({ message }) => {
  console.error(`The page cannot be served: ${message}`);
  process.exit(2);
});

const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '8086' }, image: { type: 'string' } },
});

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
  '.wasm': 'application/wasm',
};

/** Without them browsers give a page no shared memory, which guests in workers need. */
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** The folder of a finished guest image, which is built when there is none. */
async function imageFolder() {
  const { buildGuestImage } = await import('../dist/vm.node.js');
  const image = await buildGuestImage({ onProgress: ({ step }) => console.error(step) });
  return dirname(image.kernel);
}

const { outputFiles } = await buildPage({ outdir: 'web', write: false });
const contents = new Map(outputFiles.map(({ path, contents }) => [`/${basename(path)}`, () => contents]));
contents.set('/', contents.get('/index.html'));
const image = options.image ?? (await imageFolder());
for (const name of ['vmlinuz', 'initrd', 'bios.bin', 'vgabios.bin']) {
  contents.set(`/guest/${name}`, () => readFile(join(image, name)));
}

const server = createServer(async (request, response) => {
  const [pathname] = request.url.split('?');
  try {
    const body = await contents.get(pathname)();
    const type = types[extname(pathname === '/' ? 'index.html' : pathname)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store', ...isolation }).end(body);
  } catch {
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end(`There is no ${pathname} here.\n`);
  }
});
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});
