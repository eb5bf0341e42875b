import { stripVTControlCharacters } from 'node:util'

/** What a screen would act on (escape sequences, line ends) made visible: texts from files never steer the terminal. */
export function visible(text: string): string {
  // Control characters U+0000 to U+001F become their pictures U+2400 to U+241F, and U+007F becomes U+2421.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const shown = text.replace(/[\u0000-\u001f]/g, char => String.fromCharCode(0x2400 + char.charCodeAt(0)))
  // The second range of controls, and marks that turn the direction of the text around.
  return shown.replace(/\u007f/g, '\u2421').replace(/[\u0080-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

/** Characters a text takes on the screen, colours not counted. */
export const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length

/** At most `width` characters, the last one `…` where something was cut; plain texts only. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

/** 1234567 as `1,234,567`. */
export const count = (value: number): string => value.toLocaleString('en-US')

/** `1 delivery`, `2 deliveries`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

export const bytes = (value: number): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [amount, unit] = [value, 0]
  while (amount >= 1024 && unit < units.length - 1) [amount, unit] = [amount / 1024, unit + 1]
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`
}

export const duration = (ms: number): string =>
  ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 60_000
      ? `${(ms / 1000).toFixed(1)} s`
      : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`

/** Breaks a text into lines of at most `width` characters, between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
