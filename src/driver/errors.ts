/** The card is not what the driver can work with. */
export class UnexpectedCard extends Error {
  override readonly name = 'UnexpectedCard';
}
