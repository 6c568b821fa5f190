/** A statement of the specification about drivers. */
export interface Statement {
  /** Section of the specification, as its draft of version 1.4 counts. */
  readonly section: string;
  /** What it demands, in our words. */
  readonly says: string;
}

/**
 * The statements that are checked. An id is the chapter's name and the number of the statement among those about drivers
 * there, in the order of the specification's text; test/conformance/driver-coverage.tsv lists them all, with the reason
 * for each that is not here.
 *
 * To check one more: a row here, a call of `Findings.check` with its id in the `Rules` of its chapter (rules.ts says what
 * those are told), a wrong driver in test/lab/checker that is caught, and its row in the coverage table.
 */
export const statements = {
  'basic-dri-001': { section: '2.1.1', says: 'a step of the initialisation is told by its status bit before the next' },
  'basic-dri-002': { section: '2.1.1', says: 'no status bit is cleared but by a reset' },
  'basic-dri-003': { section: '2.1.1', says: 'after FAILED comes a reset before the device is initialised again' },
  'basic-dri-005': { section: '2.2.1', says: 'only what is offered is accepted, and together with what it requires' },
  'basic-dri-006': { section: '2.2.1', says: 'the offered features are read before any is accepted' },
  'basic-dri-007': { section: '2.2.1', says: 'no feature bit is accepted that has no meaning for the device' },
  'basic-dri-012': { section: '2.5.2', says: 'a configuration field is accessed only if its feature is offered' },
  'basic-dri-015': { section: '2.6.1.2', says: 'a queue that is reset is seen to be before it is set up again' },
  'basic-dri-016': { section: '2.6.1.4', says: 'a queue is set up anew before it is enabled again after its reset' },
  'basic-dri-017': { section: '3.1.1', says: 'the steps of the initialisation come in their order' },
  'basic-dri-018': { section: '3.1.1', says: 'the device configuration is not written before FEATURES_OK' },
  'basic-dri-019': { section: '3.1.1', says: 'no more features are accepted after FEATURES_OK' },
  'basic-dri-021': { section: '3.1.1', says: 'the initialisation ends where a step of it failed' },
  'basic-dri-022': { section: '3.1.1', says: 'no notification is sent before DRIVER_OK' },
  'basic-dri-023': { section: '3.3.1', says: 'the entries of a buffer that the device has are not changed' },
  'basic-dri-024': { section: '3.3.1', says: 'a buffer that the device has is not taken back' },
  'basic-dri-031': { section: '6.1', says: 'VIRTIO_F_VERSION_1 is accepted if it is offered' },
  'basic-dri-033': { section: '6.1', says: 'addresses are physical ones without VIRTIO_F_ACCESS_PLATFORM' },
  'basic-dri-037': { section: '6.1', says: 'VIRTIO_F_SR_IOV is accepted only of a device with that capability' },

  'split-dri-001': { section: '2.7', says: 'the parts of a queue are aligned to 16, 2 and 4' },
  'split-dri-002': { section: '2.7.4.2', says: 'device-writable descriptors come after device-readable ones' },
  'split-dri-004': { section: '2.7.5.1', says: 'a chain has an end, at most 2^32 bytes, and ring order if in order' },
  'split-dri-005': { section: '2.7.5.3.1', says: 'indirect descriptors need VIRTIO_F_INDIRECT_DESC' },
  'split-dri-006': { section: '2.7.5.3.1', says: 'an indirect table holds no indirect descriptor' },
  'split-dri-007': { section: '2.7.5.3.1', says: 'a chain has no more descriptors than the queue' },
  'split-dri-008': { section: '2.7.5.3.1', says: 'a descriptor has not both VIRTQ_DESC_F_INDIRECT and _NEXT' },
  'split-dri-009': { section: '2.7.5.3.1', says: 'an indirect table is in order with VIRTIO_F_IN_ORDER' },
  'split-dri-010': { section: '2.7.6.1', says: 'the available index is not decremented' },
  'split-dri-011': { section: '2.7.7.1', says: 'the flags of the available ring are 0 or 1' },
  'split-dri-012': { section: '2.7.7.1', says: 'the flags of the available ring are 0 with VIRTIO_F_EVENT_IDX' },
  'split-dri-015': { section: '2.7.10.1', says: 'the flags of a new used ring are 0' },
  'split-dri-018': { section: '2.7.10.1', says: 'the device is notified where the flags ask for it' },
  'split-dri-020': { section: '2.7.10.1', says: 'the device is notified where avail_event asks for it' },

  'packed-dri-001': { section: '2.8.10.1', says: 'the parts of a queue are aligned to 16, 4 and 4' },
  'packed-dri-002': { section: '2.8.14', says: 'a descriptor is made available again only when it was used' },
  'packed-dri-003': { section: '2.8.14', says: 'an available descriptor is not changed' },
  'packed-dri-004': { section: '2.8.14', says: 'a notification with data names the next descriptor to be available' },
  'packed-dri-006': { section: '2.8.17', says: 'a list has an end within the ring' },
  'packed-dri-007': { section: '2.8.17', says: 'device-writable descriptors come after device-readable ones' },
  'packed-dri-009': { section: '2.8.17', says: 'a list is made available only when there is room for all of it' },
  'packed-dri-010': { section: '2.8.17', says: 'the first descriptor of a list is made available last' },
  'packed-dri-011': { section: '2.8.19', says: 'indirect descriptors need VIRTIO_F_INDIRECT_DESC' },
  'packed-dri-012': { section: '2.8.19', says: 'a descriptor of an indirect table has no flag but that for writing' },
  'packed-dri-013': { section: '2.8.19', says: 'a buffer has no more descriptors than the queue' },
  'packed-dri-014': { section: '2.8.19', says: 'an indirect descriptor is not part of a list' },

  'pci-dri-004': { section: '4.1.3.1', says: 'a field is accessed in its own width' },
  'pci-dri-011': { section: '4.1.4.1', says: 'no capability is written but that for configuration access' },
  'pci-dri-012': { section: '4.1.4.3.2', says: 'read-only fields are not written' },
  'pci-dri-013': { section: '4.1.4.3.2', says: 'a packed queue is not given a size of 0' },
  'pci-dri-014': { section: '4.1.4.3.2', says: 'the size of a split queue is a power of two' },
  'pci-dri-015': { section: '4.1.4.3.2', says: 'a queue is set up before it is enabled, and not afterwards' },
  'pci-dri-016': { section: '4.1.4.3.2', says: 'after a reset the status is read as 0 before it goes on' },
  'pci-dri-017': { section: '4.1.4.3.2', says: '0 is not written to queue_enable' },
  'pci-dri-018': { section: '4.1.4.3.2', says: 'the reset of a queue is over when queue_reset reads as 0' },
  'pci-dri-023': { section: '4.1.4.9.2', says: 'the offset of a configuration access is a multiple of its length' },
  'pci-dri-024': { section: '4.1.4.9.2', says: 'configuration accesses are aligned' },
  'pci-dri-025': { section: '4.1.4.9.2', says: 'a configuration access stays within a structure of the device' },
  'pci-dri-027': { section: '4.1.5.1.2.2', says: 'events are mapped to vectors that the table has' },
  'pci-dri-028': { section: '4.1.5.1.2.2', says: 'a mapped vector is read back' },
  'pci-dri-029': { section: '4.1.5.2.1', says: 'a notification has 16 bits without VIRTIO_F_NOTIFICATION_DATA' },
  'pci-dri-030': { section: '4.1.5.2.1', says: 'a notification has 32 bits with VIRTIO_F_NOTIFICATION_DATA' },
  'pci-dri-031': { section: '4.1.5.2.1', says: 'the value of a notification is the index of the queue' },
  'pci-dri-032': { section: '4.1.5.2.1', says: 'vq_index of a notification is the index of the queue' },
  'pci-dri-033': { section: '4.1.5.2.1', says: 'the value of a notification is queue_notif_config_data' },
  'pci-dri-034': { section: '4.1.5.2.1', says: 'vq_notify_config_data of a notification is queue_notif_config_data' },

  'net-dri-001': { section: '5.1.4.2', says: 'the device configuration is not written' },
} as const satisfies Readonly<Record<string, Statement>>;

export type StatementId = keyof typeof statements;
