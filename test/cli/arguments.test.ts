import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseArguments, takeAction, takeDirectory, takeNumber } from '../../src/cli/arguments.ts'

const options = { answer: { value: 'X', about: 'the answer' }, json: { about: 'one document' } }

describe('options', () => {
  test('words and options come in any order, with the value apart or after an equals sign', () => {
    expect(parseArguments(['DIR', '--answer', 'title', '--json', 'a_1'], options)).toEqual({
      words: ['DIR', 'a_1'],
      options: { answer: 'title', json: true },
    })
    expect(parseArguments(['--answer=title'], options).options).toEqual({ answer: 'title' })
  })

  test('what stands after -- is a word, whatever it looks like', () => {
    expect(parseArguments(['--', '--json'], options)).toEqual({ words: ['--json'], options: {} })
  })

  test('a mistyped option is refused with the nearest known one', () => {
    expect(() => parseArguments(['--anwser', 'x'], options)).toThrow(
      'There is no option --anwser; did you mean --answer?',
    )
  })

  test('an option unlike any other is refused without a guess', () => {
    expect(() => parseArguments(['--recursive'], options)).toThrow('There is no option --recursive.')
    expect(() => parseArguments(['-j'], options)).toThrow('There is no option -j.')
  })

  test('a missing value, a value too many, and an option given twice are each refused', () => {
    expect(() => parseArguments(['--answer'], options)).toThrow('--answer needs a value: --answer X.')
    expect(() => parseArguments(['--json=yes'], options)).toThrow('--json takes no value, but was given "yes".')
    expect(() => parseArguments(['--json', '--json'], options)).toThrow('--json is given twice.')
  })

  test('words alone come back as they were typed', () => {
    const word = fc.string({ minLength: 1 }).filter(text => !text.startsWith('-'))
    fc.assert(
      fc.property(fc.array(word), words => {
        expect(parseArguments(words, options).words).toEqual(words)
      }),
    )
  })
})

describe('words', () => {
  test('DIR is the current folder where it is left out', () => {
    expect(takeDirectory(['SELECT 1'], 'SQL')).toEqual({ directory: '.', words: ['SELECT 1'] })
    expect(takeDirectory(['shop', 'SELECT 1'], 'SQL')).toEqual({ directory: 'shop', words: ['SELECT 1'] })
  })

  test('too few and too many words are refused with what was expected', () => {
    expect(() => takeDirectory([], 'SQL')).toThrow('Expected [DIR] SQL, found nothing.')
    expect(() => takeDirectory(['shop', 'SELECT', '1'], 'SQL')).toThrow('Expected [DIR] SQL, found shop SELECT 1.')
  })

  test('verb and DIR come in either order, and DIR may be left out', () => {
    const act = { kind: 'act', directory: 'shop', verb: 'approve', id: 'a_1' }
    expect(takeAction(['shop', 'approve', 'a_1'], ['approve', 'reject'])).toEqual(act)
    expect(takeAction(['approve', 'shop', 'a_1'], ['approve', 'reject'])).toEqual(act)
    expect(takeAction(['approve', 'a_1'], ['approve', 'reject'])).toEqual({ ...act, directory: '.' })
    expect(takeAction(['shop'], ['approve'])).toEqual({ kind: 'list', directory: 'shop' })
    expect(takeAction([], ['approve'])).toEqual({ kind: 'list', directory: '.' })
  })

  test('a mistyped verb is refused with the nearest known one', () => {
    expect(() => takeAction(['shop', 'aprove', 'a_1'], ['approve', 'reject'])).toThrow('did you mean approve?')
    expect(() => takeAction(['shop', 'look', 'a_1'], ['approve', 'reject'])).toThrow('it takes approve or reject.')
  })

  test.each(['0', '-1', '1.5', 'two', ''])('%j is no whole number above zero', typed => {
    expect(() => takeNumber('version', typed)).toThrow('--version takes a whole number above zero')
  })
})
