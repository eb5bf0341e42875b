/** Writers of our own, each a process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { items } from './harness.ts'

/** A writer in a process of its own: appends one row under a shared write key, then `count` under their own; a line for each. */
export function writer(warehouseDir: string, name: string, count: number) {
  const lakehouse = new URL('../../src/lakehouse/lakehouse.ts', import.meta.url).href
  return run(`
    import { openLakehouse } from ${JSON.stringify(lakehouse)}
    const lake = openLakehouse({ warehouseDir: ${JSON.stringify(warehouseDir)}, memoryLimit: '256MB' })
    const append = async (sku, writeKey) => {
      const select = "SELECT '" + sku + "' AS sku, 1::BIGINT AS stock, 'acme' AS vendor"
      const done = await lake.append(${JSON.stringify(items)}, { select, writeKey })
      console.log(writeKey, done.alreadyDone ? 'was done' : 'done')
    }
    await append('shared', 'shared')
    for (let n = 0; n < ${count}; n++) await append('${name}-' + n, '${name}-' + n)
    await lake.close()`)
}

/** Another one: stages and publishes a row of its own and the next value of one that all its writes replace. */
export function replacer(warehouseDir: string, name: string, count: number) {
  const lakehouse = new URL('../../src/lakehouse/lakehouse.ts', import.meta.url).href
  return run(`
    import { openLakehouse } from ${JSON.stringify(lakehouse)}
    const lake = openLakehouse({ warehouseDir: ${JSON.stringify(warehouseDir)}, memoryLimit: '256MB' })
    for (let n = 0; n < ${count}; n++) {
      const row = (sku, stock) => "SELECT '" + sku + "' AS sku, " + stock + "::BIGINT AS stock, '${name}' AS vendor"
      const rows = row('${name}-' + n, 1) + ' UNION ALL ' + row('counter', n)
      const write = { branch: '${name}', writeKey: '${name} ' + n, rows, keyColumns: ['sku'], scope: { vendor: ['${name}'] } }
      do await lake.stage(${JSON.stringify(items)}, write)
      while ((await lake.publish(${JSON.stringify(items)}, write)).outcome === 'stage-again')
      console.log(write.writeKey)
    }
    await lake.close()`)
}

function run(script: string) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

export async function linesOf(process: ReturnType<typeof writer>): Promise<string[]> {
  const lines: string[] = []
  process.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')))
  await once(process, 'close')
  return lines
}
