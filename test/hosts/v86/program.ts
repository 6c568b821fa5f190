/** Where the program finds and leaves its words. */
export const words = {
  /** In: address of a device's first register, or 0. */
  device: 0x110000,
  /** Interrupts that were handled. */
  count: 0x110004,
  /** That number at the instruction after the one that wrote to the device. */
  during: 0x110008,
  /** And after the next instruction at which the processor looks for interrupts. */
  after: 0x11000c,
} as const;

/** The vector that the program handles as a message, and the interrupt line (0x4a - 0x40) that it handles with the PICs. */
export const messageVector = 0x41;
export const lineIrq = 10;

/**
 * A guest in 32-bit protected mode: sets up its interrupt table and PICs, enables interrupts, writes 1 to the device's
 * first register if there is one, and halts for ever. Machine code on the left, loaded at 0x100000.
 */
export const program = assemble(`
  02 b0 ad 1b 00 00 01 00 fe 4f 51 e4 | multiboot header: magic, flags, checksum
  00 00 10 00 00 00 10 00 00 00 00 00 | header and load address, all of the file
  00 00 00 00 44 00 10 00             | no bss, entry 0x100044
  00 00 00 00 00 00 00 00             | 020 descriptors: null
  ff ff 00 00 00 9b cf 00             |     code
  ff ff 00 00 00 93 cf 00             |     data
  17 00 20 00 10 00                   | 038 descriptor table: limit, address
  57 02 00 10 10 00                   | 03e interrupt table: limit, address
  bc 00 00 18 00                      | 044 mov esp, 0x180000
  0f 01 15 38 00 10 00                |     lgdt [0x100038]
  0f 01 1d 3e 00 10 00                |     lidt [0x10003e]
  c7 05 08 12 10 00 d4 00 08 00       |     mov [0x101208], message handler, code segment
  c7 05 0c 12 10 00 00 8e 10 00       |     mov [0x10120c], 0x108e00 ; an interrupt gate
  c7 05 50 12 10 00 e5 00 08 00       |     mov [0x101250], line handler, code segment
  c7 05 54 12 10 00 00 8e 10 00       |     mov [0x101254], 0x108e00
  b0 11 e6 20 e6 a0                   |     PICs: initialise
  b0 40 e6 21 b0 48 e6 a1             |     vectors from 0x40 and 0x48
  b0 04 e6 21 b0 02 e6 a1             |     the second behind input 2 of the first
  b0 01 e6 21 e6 a1                   |     8086 mode
  b0 fb e6 21 e6 a1                   |     all masked but inputs 2 and 10
  b0 0c 66 ba d1 04 ee                |     inputs 10 and 11 are level-triggered
  8b 1d 00 00 11 00                   | 0a8 mov ebx, [device]
  fb 90                               |     sti ; nop
  85 db 74 1d                         |     test ebx, ebx ; jz halt
  c7 03 01 00 00 00                   |     mov [ebx], 1
  a1 04 00 11 00 a3 08 00 11 00       |     mov eax, [count] ; mov [during], eax
  fa fb 90                            |     cli ; sti ; nop
  a1 04 00 11 00 a3 0c 00 11 00       |     mov eax, [count] ; mov [after], eax
  f4 eb fd                            | 0d1 halt: hlt ; jmp halt
  ff 05 04 00 11 00                   | 0d4 message handler: inc [count]
  c7 05 b0 00 e0 fe 00 00 00 00       |     mov [local APIC, end of interrupt], 0
  cf                                  |     iret
  50 ff 05 04 00 11 00                | 0e5 line handler: push eax ; inc [count]
  8b 43 04                            |     mov eax, [ebx + 4] ; the device releases its line
  b0 20 e6 a0 e6 20                   |     PICs: end of interrupt
  58 cf                               |     pop eax ; iret
`);

function assemble(listing: string): Uint8Array {
  const code = listing.split('\n').flatMap((line) => line.split('|')[0].trim().split(/\s+/));
  return Uint8Array.from(code.filter(Boolean), (byte) => parseInt(byte, 16));
}
