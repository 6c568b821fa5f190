// Measures guests on several networks: `npm run -s bench:guests -- --help`.
import { runBundled } from '../bundled.mjs';

await runBundled('bench', { main: 'tools/bench/guests.ts', 'vm.worker': 'src/vm/worker/main.node.ts' });
