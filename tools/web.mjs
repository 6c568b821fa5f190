// Serves the web page with a guest to boot in it, on this machine alone.
import { access, readFile } from 'node:fs/promises';
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
  options: {
    port: { type: 'string', default: '8086' },
    image: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (options.help) {
  console.log(`Usage: npm run web -- [--port N] [--image FOLDER]

serve the web page with a guest to boot in it, on this machine alone

  --port N        the TCP port, 0 for any that is free (default: 8086)
  --image FOLDER  a finished guest image; one is built when left out`);
  process.exit();
}
if (!/^\d+$/.test(options.port) || Number(options.port) > 65_535) {
  throw new Error(`--port takes a TCP port, 0 to 65535; '${options.port}' is none.`);
}

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

const imageFiles = ['vmlinuz', 'initrd', 'bios.bin', 'vgabios.bin'];

/** Refuses a folder that is no guest image. */
async function checkImage(folder) {
  for (const name of imageFiles) {
    await access(join(folder, name)).catch(() => {
      throw new Error(`--image takes a folder with ${imageFiles.join(', ')}; '${folder}' has no ${name} to read.`);
    });
  }
}

if (options.image !== undefined) await checkImage(options.image);
const { outputFiles } = await buildPage({ outdir: 'web', write: false });
const contents = new Map(outputFiles.map(({ path, contents }) => [`/${basename(path)}`, () => contents]));
contents.set('/', contents.get('/index.html'));
const image = options.image ?? (await imageFolder());
for (const name of imageFiles) {
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
