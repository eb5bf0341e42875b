import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { agentNames, chain } from '../../contracts/chain.ts'
import { redactText } from '../../src/telemetry/redact.ts'
import { holderOf, mayCall, readOrMakeSecret, tokenHolders, tokenOf } from '../../src/tools/tokens.ts'
import { keeps } from '../promises.ts'

const secret = 'a'.repeat(64)

describe('tokens of tool servers', () => {
  test.each(tokenHolders)('%s is known by its token, under the secret that made it and no other', holder => {
    expect(holderOf(tokenOf(holder, secret), secret)).toBe(holder)
    expect(holderOf(tokenOf(holder, secret), 'b'.repeat(64))).toBeUndefined()
  })

  test('a token that was changed in any place is nobody’s', () => {
    const place = fc.integer({ min: 0, max: tokenOf('planner', secret).length - 1 })
    fc.assert(
      fc.property(
        fc.constantFrom(...tokenHolders),
        place,
        fc.string({ minLength: 1, maxLength: 1 }),
        (holder, at, other) => {
          const token = tokenOf(holder, secret)
          const changed = token.slice(0, at) + other + token.slice(at + 1)
          fc.pre(changed !== token)
          expect(holderOf(changed, secret)).toBeUndefined()
        },
      ),
    )
    for (const text of ['', '.', 'aiw1.planner', 'aiw1.nobody.x', 'planner'])
      expect(holderOf(text, secret)).toBeUndefined()
  })

  keeps('P11')('an agent’s token opens what the chain lists for it, the reader’s what changes nothing', () => {
    for (const agent of agentNames)
      for (const other of agentNames)
        for (const tool of chain[other].tools)
          expect(mayCall(agent, tool)).toBe((chain[agent].tools as readonly string[]).includes(tool))
    expect(mayCall('reader', 'lakehouse.query')).toBe(true)
    expect(mayCall('reader', 'lakehouse.publish')).toBe(false)
    expect(mayCall('reader', 'lakehouse.toString')).toBe(false)
  })

  test('a secret that could be guessed is refused', () => {
    expect(() => tokenOf('planner', 'short')).toThrow('fewer than 32 characters')
  })

  test('a token in a text is masked before it is kept', () => {
    expect(redactText(`refused ${tokenOf('planner', secret)}`)).toBe('refused ***')
  })

  test('a secret is made once, for its owner only, also when many make it at the same moment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-secret-'))
    const file = join(folder, 'own', 'tools.secret')
    const made = await Promise.all(Array.from({ length: 8 }, () => readOrMakeSecret(file)))
    expect(new Set(made).size).toBe(1)
    expect(made[0]).toMatch(/^[0-9a-f]{64}$/)
    expect((await readFile(file, 'utf8')).trim()).toBe(made[0])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await rm(folder, { recursive: true })
  })
})
