/** A card cannot be attached as asked. The message is one sentence for a person: what is wrong, and what would be right. */
export class AttachError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AttachError';
  }
}

/** A guest did not give a card up. The message is one sentence for a person. */
export class UnplugError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnplugError';
  }
}
