import { Failure } from '../../contracts/failures.ts'

/** What failed was started again as often as policy allows. */
export const replayLimit = (what: string, replays: number, owner: string): Failure =>
  new Failure('REPLAY_LIMIT', `${what} was started again ${replays} times, which is as often as policy allows.`, {
    owner,
  })
