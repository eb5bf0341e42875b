/** A TCP proxy on loopback that can cut or hold what goes through it at the worst moment: after the question, before the answer; halfway. */
import { once } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** From here on the next answer of the server is thrown away and its connection cut, `times` times. */
  cutAnswers(times: number): void
  /** Cuts the connection of the next answer that is longer than so many bytes, there. */
  cutAnswerAfter(bytes: number): void
  /** Answers the next questions itself, `times` times: with this text, and then no more. */
  answerInstead(text: string, times: number): void
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
  let cutAfter = Number.POSITIVE_INFINITY
  let ownAnswer = { text: '', times: 0 }
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = dial({ port: targetPort, host: '127.0.0.1' })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => sockets.delete(socket))
    }
    client.once('close', () => upstream.destroy())
    // What the server said before it went still has to arrive.
    upstream.once('close', failed => (failed ? client.destroy() : client.end()))
    client.on('data', chunk => {
      bytesToHold -= chunk.length
      if (ownAnswer.times > 0) {
        ownAnswer.times -= 1
        client.end(ownAnswer.text)
        return
      }
      if (bytesToHold < 0) client.pause()
      else upstream.write(chunk)
    })
    let answered = 0
    upstream.on('data', chunk => {
      answered += chunk.length
      if (toCut === 0 && answered <= cutAfter) {
        client.write(chunk)
        return
      }
      if (toCut > 0) toCut -= 1
      else cutAfter = Number.POSITIVE_INFINITY
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
    cutAnswerAfter: bytes => {
      cutAfter = bytes
    },
    answerInstead: (text, times) => {
      ownAnswer = { text, times }
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
