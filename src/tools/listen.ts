import { once } from 'node:events'
import type { Server } from 'node:http'
import { Failure } from '../../contracts/failures.ts'

/**
 * Listens and says on which port. @param option what names another port, for the message
 * @throws Failure SETTING_INVALID where the place is taken or is none of this machine's.
 */
export async function listenOn(server: Server, port: number, host: string, option: string): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Failure('SETTING_INVALID', `Cannot listen on ${host}:${port}: ${(error as Error).message}.`, {
      cause: error,
      wayOut: `Name another port with ${option}, or another address of this machine with --host.`,
    })
  }
  return (server.address() as { port: number }).port
}
