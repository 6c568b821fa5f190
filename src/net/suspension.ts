/** What the link is to be when the card goes on, if somebody said so meanwhile. */
export interface SuspensionState {
  link?: boolean;
}

/** Whether the driver has the card stand still (virtio 1.4, 3.4): its configuration stays as it is meanwhile. */
export class Suspension {
  private state: SuspensionState | undefined;

  get on(): boolean {
    return this.state !== undefined;
  }

  begin(): void {
    this.state ??= {};
  }

  /** Notes what the link is to be afterwards. Answers whether that has to wait. */
  keepLink(up: boolean): boolean {
    if (this.state) this.state.link = up;
    return this.on;
  }

  /** Answers what the link is to be, if that changed. */
  end(): boolean | undefined {
    const link = this.state?.link;
    this.state = undefined;
    return link;
  }

  save(): SuspensionState | undefined {
    return this.state && { ...this.state };
  }

  restore(state: SuspensionState | undefined): void {
    this.state = state;
  }
}
