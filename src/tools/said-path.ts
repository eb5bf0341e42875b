import { Failure } from '../../contracts/failures.ts'

/** Does work on a file; what fails there speaks of it by the name that the caller knows, not by where it lies. */
export async function withSaidPath<T>(path: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Failure) || !error.message.includes(path)) throw error
    const { code, message, wayOut, owner } = error
    const details = { wayOut, cause: error, ...(owner !== undefined && { owner }) }
    throw new Failure(code, message.replaceAll(path, name), details)
  }
}
