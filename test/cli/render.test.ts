import fc from 'fast-check'
import pc from 'picocolors'
import { describe, expect, test } from 'vitest'
import { chain } from '../../contracts/chain.ts'
import { renderChain } from '../../src/cli/render/chain.ts'
import { plansText } from '../../src/cli/render/plans.ts'
import { boardLines } from '../../src/cli/render/progress.ts'
import { table } from '../../src/cli/render/table.ts'
import { bytes, cut, visible, widthOf, wrap } from '../../src/cli/render/text.ts'
import { type Terminal, wantsColor } from '../../src/cli/terminal.ts'
import { quoted, typedCommands } from '../../src/cli/typed.ts'

const look = (columns: number) => ({ columns, colors: pc.createColors(false) })

describe('text', () => {
  test('escape sequences from a file are shown, not obeyed', () => {
    expect(visible('\u001b[2Jgone\r\n')).toBe('␛[2Jgone␍␊')
    expect(visible('\u009b31m\u202eevil')).toBe('�31m�evil')
  })

  test('nothing that a terminal acts on is left in any text', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must be gone
    const control = /[\u0000-\u001f\u007f-\u009f]/
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 0x2fff })),
        codes => !control.test(visible(String.fromCodePoint(...codes))),
      ),
    )
  })

  test('a cut text is never wider than asked, and says that it was cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect([...cut(text, width)].length).toBeLessThanOrEqual(width)
        if (cut(text, width) !== text) expect(cut(text, width).endsWith('…')).toBe(true)
      }),
    )
  })

  test('wrapping keeps every word, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }), words => {
        expect(wrap(words.join(' '), 20).join(' ').split(' ')).toEqual(words)
      }),
    )
  })

  test('sizes are in units a person reads', () => {
    expect([0, 1023, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 GiB'])
  })
})

describe('table', () => {
  test('numbers stand to the right, and no line ends with spaces', () => {
    expect(
      table(
        [{ title: 'feed' }, { title: 'rows', align: 'right' }],
        [
          ['acme/products', '7'],
          ['b', '1,200'],
        ],
        look(80),
      ),
    ).toBe(['feed            rows', 'acme/products      7', 'b              1,200'].join('\n'))
  })

  test('on a narrow screen the widest column gives way, and no line is wider than the screen', () => {
    const rows = [['x'.repeat(200), 'short']]
    const lines = table([{ title: 'file' }, { title: 'state' }], rows, look(40)).split('\n')
    expect(lines.every(line => widthOf(line) <= 40)).toBe(true)
    expect(lines[1]).toContain('short')
  })
})

describe('colour', () => {
  const screen = { isTTY: true, write: () => true }
  test('NO_COLOR wins over everything, FORCE_COLOR over the screen, and a pipe gets none', () => {
    expect(wantsColor({}, screen)).toBe(true)
    expect(wantsColor({}, { write: () => true })).toBe(false)
    expect(wantsColor({ FORCE_COLOR: '1' }, { write: () => true })).toBe(true)
    expect(wantsColor({ NO_COLOR: '1', FORCE_COLOR: '1' }, screen)).toBe(false)
    expect(wantsColor({ TERM: 'dumb' }, screen)).toBe(false)
  })
})

describe('commands to type', () => {
  test('the program is what the user called, and npx inside npm', () => {
    expect(typedCommands({ AIWORKFLOW_TYPED: 'bin/aiworkflow' }, 'shop')('trace', 'r_1')).toBe(
      'bin/aiworkflow trace shop r_1',
    )
    expect(typedCommands({ npm_command: 'start', AIWORKFLOW_TYPED: '/x' }, '.')('runs')).toBe('npx aiworkflow runs')
  })

  test.each([
    ['plain_1', 'plain_1'],
    ['SELECT * FROM t', '"SELECT * FROM t"'],
    ["it's", `"it's"`],
    ['$HOME', "'$HOME'"],
    [`"it's"`, `'"it'\\''s"'`],
    ['', "''"],
  ])('a shell reads %j back from %s', (word, typed) => expect(quoted(word)).toBe(typed))
})

describe('picture of the chain', () => {
  test('every agent, every step and every topic of the table stands in it', () => {
    const picture = renderChain()
    for (const [name, { nodes, emits, consumes }] of Object.entries(chain)) {
      expect(picture).toContain(`${name} `)
      expect(picture).toContain(nodes.join(' → '))
      for (const topic of [...emits, ...consumes]) expect(picture).toContain(topic)
    }
  })
})

describe('progress on a screen', () => {
  const colors = pc.createColors(false)
  const journey = (feed: string, agent?: string, node?: string) => ({ feed, file: `${feed}.csv`, agent, node })

  test('a delivery stands at its agent: those before it are done, those after it are to come', () => {
    expect(boardLines([journey('acme/lamps', 'modeling', 'map')], { columns: 120, rows: 24 }, colors)).toEqual([
      'acme/lamps  planner ✓  ingestion ✓  modeling ▸ map  validator  acme/lamps.csv',
    ])
  })

  test('what does not fit the screen is counted, and no line is wider than it', () => {
    const many = Array.from({ length: 30 }, (_, id) => journey(`vendor_${id}/products`, 'planner', 'inspect'))
    const lines = boardLines(many, { columns: 40, rows: 10 }, colors)
    expect(lines[0]).toBe('… and 22 more')
    expect(lines).toHaveLength(9)
    expect(lines.every(line => widthOf(line) < 40)).toBe(true)
  })
})

describe('plans', () => {
  const plan = {
    ...{ vendor: 'acme', table: 'items', file: 'acme/items.csv', contractVersion: 2, rowsAre: 'estimated' as const },
    ...{ engine: 'duckdb' as const, reason: 'It is small', source: { sizeBytes: 2048, rows: 1500 } },
    ...{ workers: { least: 1, most: 3 }, coresPerWorker: 2, memoryBytesPerWorker: 2 ** 30, readPartitionBytes: 1 },
    ...{ shufflePartitions: null, files: 1, partition: [{ column: 'day', transform: 'month' }] },
  }
  const trouble = {
    file: 'acme/\u001b.csv',
    code: 'FILE_EMPTY',
    message: 'It holds nothing.',
    wayOut: 'Send it.',
    owner: 'ada',
  }

  test('a line for each delivery, its reason, and what cannot be planned', () => {
    expect(plansText({ deliveries: [plan], errors: [trouble] }, look(100) as Terminal).split('\n')).toEqual([
      'file               size  records  engine  workers  cores   memory  shuffle  files',
      'acme/items.csv  2.0 KiB   ~1,500  duckdb        3      2  1.0 GiB        –      1',
      '',
      'acme/items.csv',
      '    It is small. The table is divided by month(day); contract v2.',
      '✗ acme/␛.csv: It holds nothing.',
      '    Send it. (ada)',
    ])
  })

  test('nothing waits: a sentence', () => {
    expect(plansText({ deliveries: [], errors: [] }, look(100) as Terminal)).toBe(
      'Nothing in landing/ waits to be loaded.',
    )
  })
})
