/** Pages for users, as tests read them: links, headings, fenced blocks and the commands in them. Pure. */

export interface Fence {
  /** What stands behind the backticks: `sh control`. */
  readonly language: string
  readonly text: string
  readonly line: number
}

export function fencesOf(page: string): Fence[] {
  const fences: Fence[] = []
  let open: { language: string; lines: string[]; line: number; indent: number } | undefined
  for (const [i, line] of page.split('\n').entries()) {
    const [, indent, language] = /^( *)```(.*)$/.exec(line) ?? []
    if (language === undefined) open?.lines.push(line.slice(open.indent))
    else if (open === undefined) open = { language, lines: [], line: i + 1, indent: indent!.length }
    else {
      fences.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
      open = undefined
    }
  }
  return fences
}

/** Without what is fenced. */
function prose(page: string): string {
  return page.replaceAll(/^ *```.*?^ *```$/gms, '')
}

/** Where `[text](target)` leads. */
export function linksOf(page: string): string[] {
  return [...prose(page).matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target!)
}

/** Anchors of the headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const headings = [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text!)
  return new Set(headings.map(anchorOf))
}

function anchorOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** Text between single backticks. */
export function codeSpans(page: string): string[] {
  return [...prose(page).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!)
}

/** Commands of a block of shell, a line each; what a line's quotes hold is one word. */
export function commandsOf(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .replaceAll(/<<'(\w+)'\n.*?\n\1$/gms, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** Words of a command as a shell would split them, up to a pipe or another command. */
export function wordsOf(command: string): string[] {
  const words = command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
  const end = words.findIndex((word) => /^(\||\|\||&&|;|>.*|2>.*|<.*)$/.test(word))
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll(/['"]/g, '').replace(/;$/, ''))
}
