import { UserError } from '../vm/index.node.js';

/** 10.0.0.254 is the last address that there is. */
export const lastGuest = 254;

/** The guests that there are, by their numbers. */
export class GuestNumbers {
  readonly first: number;
  readonly last: number;

  constructor(count: number, first = 1) {
    this.first = first;
    this.last = first + count - 1;
  }

  /** @param what is for that guest; @throws UserError when there is no such guest, with how there could be */
  check(what: string, guest: number): void {
    const { first, last } = this;
    if (guest >= first && guest <= last) return;
    const there = first === last ? `there is only guest ${first}` : `the guests are ${first} to ${last}`;
    throw new UserError(`${what} is for guest ${guest}, but ${there}; ${this.hint(guest)}.`);
  }

  private hint(guest: number): string {
    if (guest < 1 || guest > lastGuest) return `guests have numbers from 1 to ${lastGuest}`;
    return guest < this.first ? `--first-guest ${guest} begins with it` : '--guests makes more';
  }
}
