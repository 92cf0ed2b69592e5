// The part of YAML in which kubeconfig files are written by kubectl, kubeadm and client-go: blocks, one value a line. What else there is in
// YAML is refused, never guessed: whoever asks goes to a whole reader then.

export type Value = string | null | readonly Value[] | { readonly [key: string]: Value }

/** Thrown for anything that is no such part. */
class NotUnderstood extends Error {}

interface Line {
  readonly indent: number
  readonly text: string
}

const KEY_CHARACTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.'
const LETTERS = KEY_CHARACTERS.slice(0, 52)
/** A plain value that begins with another character, or a word of these, need not be a text. */
const PLAIN_START = `${LETTERS}/`
const WORDS_OF_YAML = ['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n']

function refuse(): never {
  throw new NotUnderstood('not understood')
}

/** Without empty lines and comments. */
function linesOf(text: string): Line[] {
  const lines: Line[] = []
  for (const line of text.split('\n')) {
    const content = line.trimStart()
    if (content === '' || content.startsWith('#')) continue
    const indent = line.length - content.length
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i)
      // Tabs, control characters and what is beyond ASCII.
      if (code < 32 || code > 126) refuse()
    }
    lines.push({ indent, text: content.trimEnd() })
  }
  return lines
}

/** The text between quotes that has neither quotes nor escapes in it. */
function quoted(text: string): string {
  const inner = text.slice(1, -1)
  if (text.length < 2 || !text.endsWith(text[0]!) || inner.includes(text[0]!) || inner.includes('\\'))
    refuse()
  return inner
}

/**
 * A value on one line. What is certainly a text becomes one; what may be a number, or mean nothing, becomes null: whoever needs it as a
 * text has none.
 */
function scalar(text: string): Value {
  const first = text[0]!
  if (first === '"' || first === "'") return quoted(text)
  if (text === '{}') return {}
  if (text === '[]') return []
  if ('&*!|>%@`{}[],?#:'.includes(first) || (first === '-' && (text.length === 1 || text[1] === ' ')))
    refuse()
  if (text.includes(': ') || text.includes(' #') || text.endsWith(':')) refuse()
  return PLAIN_START.includes(first) && !WORDS_OF_YAML.includes(text.toLowerCase()) ? text : null
}

/** Where the key of `key: value` or `key:` ends; undefined where the line is none. */
function keyEnd(text: string): number | undefined {
  let end = 0
  while (end < text.length && KEY_CHARACTERS.includes(text[end]!)) end++
  const isKey = end > 0 && text[end] === ':' && (end + 1 === text.length || text[end + 1] === ' ')
  // A number or a word of YAML as a key is no text.
  if (!isKey) return undefined
  if (!LETTERS.includes(text[0]!) || WORDS_OF_YAML.includes(text.slice(0, end).toLowerCase())) refuse()
  return end
}

const isItem = ({ text }: Line) => text === '-' || text.startsWith('- ')

class Reader {
  private readonly lines: Line[]
  private next = 0

  constructor(text: string) {
    this.lines = linesOf(text)
    if (this.lines[0]?.text === '---' && this.lines[0].indent === 0) this.next = 1
  }

  whole(): Value {
    const value = this.block(0)
    return this.next === this.lines.length ? value : refuse()
  }

  private get line(): Line | undefined {
    return this.lines[this.next]
  }

  private block(indent: number): Value {
    const { line } = this
    if (line === undefined || line.indent !== indent) refuse()
    return isItem(line) ? this.sequence(indent) : this.mapping(indent)
  }

  private sequence(indent: number): Value {
    const items: Value[] = []
    for (let { line } = this; line?.indent === indent && isItem(line); line = this.line) {
      const content = line.text.slice(1).trimStart()
      if (content === '' || content === '-' || content.startsWith('- ')) refuse()
      if (keyEnd(content) === undefined) {
        this.next++
        items.push(scalar(content))
        continue
      }
      // The rest of the line begins a block that goes on below it.
      const inner = indent + line.text.length - content.length
      this.lines[this.next] = { indent: inner, text: content }
      items.push(this.mapping(inner))
    }
    return items
  }

  private mapping(indent: number): Value {
    const fields = new Map<string, Value>()
    for (let { line } = this; line?.indent === indent && !isItem(line); line = this.line) {
      const end = keyEnd(line.text)
      if (end === undefined) refuse()
      const key = line.text.slice(0, end)
      if (fields.has(key) || key === '__proto__') refuse()
      this.next++
      const rest = line.text.slice(end + 1).trimStart()
      fields.set(key, rest === '' ? this.below(indent) : scalar(rest))
    }
    return Object.fromEntries(fields)
  }

  /** What a key without a value on its line has: a block that is indented further, a sequence that need not be, or nothing. */
  private below(indent: number): Value {
    const { line } = this
    if (line === undefined || line.indent < indent || (line.indent === indent && !isItem(line))) return null
    return this.block(line.indent)
  }
}

/** Undefined where the text is in another part of YAML, or in none. */
export function readYaml(text: string): Value | undefined {
  try {
    return new Reader(text).whole()
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined
    throw error
  }
}
