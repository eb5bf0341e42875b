import type { Finding, HouseFile } from './finding.ts'

interface Ban {
  readonly what: string
  /** Where it is looked for: code without literals, comments, or the text as it stands. */
  readonly where: 'code' | 'comments' | 'text'
  readonly pattern: RegExp
  /** What to do instead: no ban stands without it. */
  readonly instead: string
  /** Paths in which it is allowed. */
  readonly except?: RegExp
}

const longestFile = 400

const bans: readonly Ban[] = [
  {
    what: 'unfinished work',
    where: 'comments',
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/g,
    instead: 'finish it, or open an issue and leave the code true as it stands',
  },
  {
    what: 'a test that is switched off, or alone',
    where: 'code',
    pattern:
      /\b(?:test|it|describe|suite|bench|context|ctx)(?:\.\w+)*\.(?:skip|only|todo)\b|\b(?:xit|xtest|xdescribe|fit|fdescribe)\(/g,
    instead: 'mend or delete the test; where a tool is missing use skipIf and say which',
  },
  {
    what: 'any',
    where: 'code',
    pattern: /\bas any\b|<any>/g,
    instead: 'use unknown and parse it, or name the type',
  },
  {
    what: 'a silenced type check',
    where: 'comments',
    pattern: /@ts-(?:ignore|nocheck)\b/g,
    instead: 'mend the type; in a test of types use @ts-expect-error with the reason',
  },
  {
    what: 'a number of an issue or pull request',
    where: 'comments',
    pattern: /(?<![\w&])#\d{1,6}\b|\b(?:issue|ticket|PR|GH)[ -]?#?\d+\b/gi,
    instead: 'say the reason itself; trackers move, code stays',
  },
  {
    what: 'a word about how this was made',
    where: 'comments',
    pattern:
      /\b(?:sprint|milestone|MVP|walking skeleton|proof of concept|pull request|code review|this PR|user story|the brief|as (?:requested|discussed|instructed)|per (?:feedback|review|request)|hidden tests?|the grader|(?:phase|iteration|increment|slice|step) \d+ of the (?:plan|project)|previous version of this file)\b/gi,
    instead: 'say what the code does and why it must; how it came to be is for the log',
  },
  {
    what: 'a path of one machine',
    where: 'text',
    pattern: /(?<![\w.$}:/-])\/(?:work|root|home|Users)\/[\w.]/g,
    instead: 'resolve it from import.meta.url, the workspace, or node:os tmpdir() and homedir()',
    except: /^deploy\//,
  },
  {
    what: 'the host of a package registry',
    where: 'text',
    pattern:
      /\b(?:registry\.npmjs\.org|registry\.yarnpkg\.com|pypi\.org|files\.pythonhosted\.org|repo1?\.maven\.org)\b/g,
    instead: 'leave the choice to the package manager and its configuration',
  },
]

/** Every banned thing in a file, and its length. */
export function checkBans({ path, source }: HouseFile): Finding[] {
  const found = bans
    .filter(ban => !ban.except?.test(path))
    .flatMap(ban =>
      [...source[ban.where].matchAll(ban.pattern)].map(match => ({
        path,
        offset: match.index,
        message: `"${match[0].trim()}" is ${ban.what}: ${ban.instead}`,
      })),
    )
  const lines = source.text.split('\n').length - (source.text.endsWith('\n') ? 1 : 0)
  if (lines <= longestFile) return found
  const message = `${lines} lines, more than ${longestFile}: split it, one idea a file`
  return [...found, { path, offset: source.text.length - 1, message }]
}
