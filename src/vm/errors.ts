/**
 * A person's mistake or a missing prerequisite. The message is one clear sentence for that person:
 * what was wrong, and what would be right. The command prints it alone and exits with status 2.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
