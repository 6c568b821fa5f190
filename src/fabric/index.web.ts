export { openRelay } from './wire/relayClient.web.js';
