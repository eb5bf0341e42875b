/** A TypeScript text in three readings of one length: a place in one is the same place in the others. */
export interface Source {
  readonly text: string
  /** Without comments, and without what is inside strings, templates and regular expressions. */
  readonly code: string
  /** Only comments. */
  readonly comments: string
}

const CODE = 0
const COMMENT = 1
const LITERAL = 2
type Kind = typeof CODE | typeof COMMENT | typeof LITERAL

/** After these a slash starts a regular expression; after anything else it divides. */
const beforeRegex = /^(?:|[=(,:;[!&|?{+\-*%~^<>]|return|typeof|case|in|of|do|else|await|yield|void|throw)$/

/** Tells code, comments and literals apart: just enough of the language to never take one for another. */
export function readSource(text: string): Source {
  const kinds = new Uint8Array(text.length)
  let at = 0
  let before = ''

  /** Takes what the sticky pattern finds here; `edge` characters at both ends stay code (quotes and slashes). */
  function take(pattern: RegExp, kind: Kind, edge = 0): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (!found) return undefined
    kinds.fill(kind, at + edge, at + found.length - edge)
    at += found.length
    return found
  }

  function literal(pattern: RegExp): boolean {
    if (!take(pattern, LITERAL, 1)) return false
    before = 'literal'
    return true
  }

  /** From behind the opening backtick to behind the closing one. */
  function template(): void {
    while (at < text.length) {
      take(/(?:\\[\s\S]|\$(?!\{)|[^`\\$])+/y, LITERAL)
      if (text[at++] === '`') break
      at++
      before = '{'
      code(true)
    }
    before = 'literal'
  }

  /** To the end of the text, or to behind the brace that closes a template's expression. */
  function code(inTemplate: boolean): void {
    let depth = 0
    while (at < text.length) {
      if (take(/\s+/y, CODE)) continue
      if (take(/\/\/[^\n]*|\/\*[\s\S]*?\*\//y, COMMENT)) continue
      if (literal(/'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y)) continue
      if (
        beforeRegex.test(before) &&
        literal(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\//y)
      )
        continue
      before = take(/[\w$]+|[^\w$\s]/y, CODE)!
      if (before === '`') template()
      if (before === '{') depth++
      if (before === '}' && depth-- === 0 && inTemplate) return
    }
  }

  code(false)
  const only = (kind: Kind): string =>
    Array.from({ length: text.length }, (_, i) => (kinds[i] === kind || text[i] === '\n' ? text[i]! : ' ')).join('')
  return { text, code: only(CODE), comments: only(COMMENT) }
}

export interface ImportedModule {
  readonly specifier: string
  readonly offset: number
}

/** What a source imports, re-exports or loads, types included. */
export function importsOf({ code, text }: Source): ImportedModule[] {
  const places = code.matchAll(/\b(?:from|import|import\s*\()\s*(?=(['"])\s*\1)/g)
  return [...places].map(place => {
    const start = place.index + place[0].length + 1
    return { specifier: text.slice(start, code.indexOf(place[1]!, start)), offset: start }
  })
}
