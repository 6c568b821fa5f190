// Has the card misbehave in all its ways to a guest's driver: `npm run -s faults:linux -- --help`.
import { runBundled } from './bundled.mjs';

await runBundled('faults', { main: 'tools/faults/main.ts' });
