export * from './virtio/index.js';
export * from './pci/index.js';
export * from './net/index.js';
