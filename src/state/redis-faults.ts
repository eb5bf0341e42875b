/** What an error of Redis, or of the way to it, means: whether waiting helps, and what a person is told. */
import { Failure } from '../../contracts/failures.ts'

/** `passing`: it may go away while one waits. `final`: it does not. */
export type Fault = 'passing' | 'final'

/** Error codes that Redis begins its answers with, and that waiting does not mend. */
const refusals = ['NOAUTH', 'WRONGPASS', 'NOPERM', 'OOM', 'ERR', 'WRONGTYPE', 'CROSSSLOT'] as const

export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  return refusals.some(refusal => refusal === code) ? 'final' : 'passing'
}

export function failureOf(error: unknown, place: string, patienceMs: number): Failure {
  const said = error instanceof Error && error.message !== '' ? error.message : String(error)
  const cause = { cause: error }
  switch (codeOf(error)) {
    case 'NOAUTH':
    case 'WRONGPASS':
    case 'NOPERM':
      return new Failure('SETTING_INVALID', `Redis at ${place} refuses this user: ${said}.`, {
        ...cause,
        wayOut: 'Give user and password in `state: redis://…`, or the password in AIWORKFLOW_REDIS_PASSWORD.',
      })
    case 'OOM':
      return new Failure('DISK_FULL', `Redis at ${place} has no memory left: ${said}.`, {
        ...cause,
        wayOut: 'Raise maxmemory of Redis, then replay the run.',
      })
    case 'ERR':
    case 'WRONGTYPE':
    case 'CROSSSLOT':
      return new Failure('INTERNAL', `Redis at ${place} could not do what it was asked: ${said}.`, cause)
    default:
      return new Failure('STATE_BUSY', `Redis at ${place} did not answer within ${patienceMs} ms: ${said}.`, {
        ...cause,
        wayOut: 'Look whether it runs and can be reached; what was under way goes on when it answers.',
      })
  }
}

/** Scripts put the code of what failed in them first too: `OOM command not allowed …`. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && error.name === 'ReplyError' ? /^-?([A-Z]+)\b/.exec(error.message)?.[1] : undefined
}
