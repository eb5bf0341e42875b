/**
 * Who calls a tool server over HTTP. A token names its holder, an agent or the `reader`, and bears a mark (HMAC-SHA-256, RFC 2104)
 * that only who has the workspace's secret can make. What a holder may call is the allow-list of contracts/chain.ts, so that a
 * token says who somebody is and never what they may do. Changing the secret ends every token.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AgentName, agentNames, chain } from '../../contracts/chain.ts'
import { Failure } from '../../contracts/failures.ts'
import { toolServers } from '../../contracts/tools/index.ts'
import type { ToolContract } from '../../contracts/tools/tool.ts'

/** Every tool that only reads, of every server: for people's own MCP clients. */
export const reader = 'reader'
export type TokenHolder = AgentName | typeof reader
export const tokenHolders: readonly TokenHolder[] = [...agentNames, reader]

const version = 'aiw1'
const leastSecretCharacters = 32

/** @throws Failure SETTING_INVALID for a secret that could be guessed. */
export function tokenOf(holder: TokenHolder, secret: string): string {
  if (secret.length < leastSecretCharacters)
    throw new Failure(
      'SETTING_INVALID',
      `The secret of the tool servers has fewer than ${leastSecretCharacters} characters.`,
      {
        wayOut: 'Make one with: openssl rand -hex 32',
      },
    )
  return `${version}.${holder}.${markOf(holder, secret)}`
}

/** The holder of a token; undefined for one that this secret did not make. */
export function holderOf(token: string, secret: string): TokenHolder | undefined {
  const [, name] = token.split('.')
  const holder = tokenHolders.find(each => each === name)
  if (holder === undefined) return undefined
  const [given, wanted] = [token, tokenOf(holder, secret)].map(text =>
    createHmac('sha256', secret).update(text).digest(),
  )
  return timingSafeEqual(given!, wanted!) ? holder : undefined
}

/** Whether a holder may call a tool, named `server.tool`. */
export function mayCall(holder: TokenHolder, tool: string): boolean {
  if (holder !== reader) return (chain[holder].tools as readonly string[]).includes(tool)
  const [server = '', name = ''] = tool.split('.')
  const tools = entryOf<Readonly<Record<string, ToolContract>>>(toolServers, server)
  return (tools && entryOf(tools, name)?.annotations.readOnlyHint) ?? false
}

const entryOf = <T>(entries: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(entries, name) ? entries[name] : undefined

/** The workspace's secret, made where there is none yet, for its owner's eyes only. Two processes that make one at once agree. */
export async function readOrMakeSecret(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return known.trim()
  await mkdir(dirname(file), { recursive: true })
  const own = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`
  await writeFile(own, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    // Of two links of one name one fails, and whoever fails reads what the other has made.
    await link(own, file).catch(error => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(own, { force: true })
  }
  return (await readFile(file, 'utf8')).trim()
}

const markOf = (holder: TokenHolder, secret: string): string =>
  createHmac('sha256', secret).update(`${version}.${holder}`).digest('base64url')
