// Measures what the project is worth beside others: `npm run -s bench -- --help`.
import { runBundled } from '../bundled.mjs';

await runBundled('bench', {
  main: 'tools/bench/main.ts',
  child: 'tools/bench/child.ts',
  'guests.worker': 'tools/bench/guests/worker.ts',
  'scaling.worker': 'tools/bench/scaling/thread.ts',
  station: 'tools/bench/device/station.ts',
});
