import type { Failure } from '../../../contracts/failures.ts'
import type { Colors } from '../terminal.ts'
import { visible } from './text.ts'

/** A failure as people read it: what happened, whose it is, the way out; for a fault of the program the place as well. */
export function failureText(failure: Failure, colors: Colors): string {
  const cause = failure.cause instanceof Error ? failure.cause : failure
  return [
    `${colors.red(failure.code)} ${visible(failure.message)}`,
    ...(failure.owner === undefined ? [] : [`  owner    ${visible(failure.owner)}`]),
    `  way out  ${visible(failure.wayOut)}`,
    ...(failure.code === 'INTERNAL' && cause.stack ? [colors.dim(cause.stack)] : []),
  ].join('\n')
}
