import { resolve } from 'node:path';
import boundaries from 'eslint-plugin-boundaries';
import tseslint from 'typescript-eslint';

/** The layers of the house, from the ground up, and what each may import (src/README.md tells what lives in them). */
const layers = {
  virtio: [],
  pci: ['virtio'],
  'net-link': [],
  net: ['virtio', 'net-link'],
  fabric: ['virtio', 'net-link'],
  queues: ['virtio', 'net', 'net-link', 'fabric'],
  driver: [],
  'hosts-v86': ['virtio', 'pci', 'net', 'net-link'],
  vm: ['virtio', 'net', 'net-link', 'fabric', 'hosts-v86'],
  lab: ['virtio', 'pci', 'net', 'net-link', 'fabric', 'queues', 'driver', 'hosts-v86', 'vm'],
  cli: ['virtio', 'pci', 'net', 'net-link', 'fabric', 'driver', 'hosts-v86', 'vm', 'lab'],
  web: ['virtio', 'pci', 'net', 'net-link', 'fabric', 'driver', 'hosts-v86', 'vm', 'lab'],
};

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['eslint.config.js', 'tools/*.mjs', 'tools/*.cjs', 'tools/bench/*.mjs'],
        },
      },
    },
    rules: {
      // Typed arrays and dense tables are everywhere; numbers in messages are the rule.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Elements of arrays are typed as always there; this rule would call every check for a missing one unnecessary.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { boundaries },
    settings: {
      'import/resolver': { [resolve(import.meta.dirname, 'tools/resolve-imports.cjs')]: {} },
      'boundaries/elements': [
        { type: 'net-link', pattern: 'src/net/link' },
        { type: 'hosts-v86', pattern: 'src/hosts/v86' },
        ...['virtio', 'pci', 'net', 'fabric', 'queues', 'driver', 'lab', 'vm', 'cli', 'web'].map((type) => ({
          type,
          pattern: `src/${type}`,
        })),
      ],
    },
    rules: {
      'boundaries/dependencies': [
        'error',
        {
          default: 'disallow',
          policies: Object.entries(layers).map(([from, allowed]) => ({
            from: { element: { type: from } },
            allow: { to: { element: { type: [from, ...allowed] } } },
          })),
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js', '**/*.cjs'],
    ...tseslint.configs.disableTypeChecked,
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
);
