import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claimOwner, ownerIsDead } from '../../bus/owner.ts'

describe('owner', () => {
  test('an owner of this process is alive until it is released', () => {
    const owner = claimOwner()
    expect(ownerIsDead(owner.id)).toBe(false)
    owner.release()
    expect(ownerIsDead(owner.id)).toBe(true)
  })

  test('an owner of another process is alive while that runs and dead once it was killed', async () => {
    const program = `
      const { claimOwner } = await import(${JSON.stringify(join(import.meta.dirname, '../../bus/owner.ts'))})
      process.stdout.write(claimOwner().id)
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [id] = (await once(child.stdout, 'data')) as [Buffer]
    expect(ownerIsDead(id.toString())).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(ownerIsDead(id.toString())).toBe(true)
  })

  test('a process that got the pid of a dead one is not taken for it', () => {
    const parts = JSON.parse(claimOwner().id) as [string, number, string, string, number]
    const [place, pid, start] = parts
    expect(ownerIsDead(JSON.stringify([place, pid, `${start}1`, 'another copy', 1]))).toBe(start !== '')
  })

  test('an owner on another machine, or text that is no owner, is not known to be dead', () => {
    const [, ...rest] = JSON.parse(claimOwner().id) as unknown[]
    for (const id of [JSON.stringify(['another machine', ...rest]), 'somebody', '', '[]', 'null', '{}']) {
      expect(ownerIsDead(id)).toBe(false)
    }
  })
})
