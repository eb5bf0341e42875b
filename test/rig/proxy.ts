/** A TCP proxy on loopback that can cut or hold what goes through it at the worst moment: after the question, before the answer; halfway. */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** From here on the next answer of the server is thrown away and its connection cut, `times` times. */
  cutAnswers(times: number): void
  /** Holds back what clients send from now on, once it is more than so many bytes. */
  holdAfter(bytes: number): void
  /** Whether it does. */
  readonly holds: boolean
  /** Cuts every connection there is. */
  cutAll(): void
  /** How many answers were cut. */
  readonly cuts: number
  close(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  let toCut = 0
  let cuts = 0
  let bytesToHold = Number.POSITIVE_INFINITY
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = dial({ port: targetPort, host: '127.0.0.1' })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', chunk => {
      bytesToHold -= chunk.length
      if (bytesToHold < 0) client.pause()
      else upstream.write(chunk)
    })
    upstream.on('data', chunk => {
      if (toCut === 0) {
        client.write(chunk)
        return
      }
      toCut -= 1
      cuts += 1
      client.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    cutAnswers: times => {
      toCut = times
    },
    holdAfter: bytes => {
      bytesToHold = bytes
    },
    get holds() {
      return bytesToHold < 0
    },
    cutAll: () => {
      for (const socket of sockets) socket.destroy()
    },
    get cuts() {
      return cuts
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
