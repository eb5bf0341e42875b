/** `*` is any text within a folder, `**` any folders, `?` one character, `{a,b}` either; all else stands for itself. Pure. */
export function globToRegExp(glob: string): RegExp {
  let depth = 0
  const source = glob.replaceAll(/\*\*\/|\*\*|\*|\?|[{},]|[.+^$()|[\]\\]/g, part => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part === '{') return depth++ === 0 ? '(?:' : '(?:'
    if (part === '}' && depth > 0) return depth-- > 0 ? ')' : part
    if (part === ',') return depth > 0 ? '|' : ','
    return `\\${part}`
  })
  return new RegExp(`^${source}$`, 'u')
}
