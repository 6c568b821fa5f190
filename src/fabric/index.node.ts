export { PortError } from './portError.js';
export { openVxlan, type OpenVxlanOptions } from './vxlan.node.js';
export { openCaptureFile, openCaptureOutput, type OpenCaptureOptions } from './capture/captureFile.node.js';
