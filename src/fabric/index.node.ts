export { openCaptureFile, openCaptureOutput, type OpenCaptureOptions } from './capture/captureFile.node.js';
