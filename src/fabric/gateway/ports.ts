/** Ports that the gateway takes for itself when it is who begins (RFC 6335, 6: dynamic ports). */
export const firstEphemeral = 49_152;
export const lastEphemeral = 65_535;
