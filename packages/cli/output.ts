/** Reports as text, JSON or YAML; once, or anew each few seconds. */
import { setTimeout } from 'node:timers/promises'
import { CliError } from './errors.ts'
import type { Asked, Format, Report } from './report.ts'
import type { Style } from './style.ts'

/** Where reports go. */
export interface Output {
  write(text: string): void
  /** The screen can be cleared. */
  readonly terminal: boolean
  readonly style: Style
  say(line: string): void
}

/** Ends with a line break. */
export async function rendered(report: Report, format: Format, style: Style): Promise<string> {
  switch (format) {
    case 'text':
      return `${await report.text(style)}\n`
    case 'json':
      return `${JSON.stringify(await report.data(), null, 2)}\n`
    case 'yaml': {
      // Read when it is needed: it takes longer than all the rest.
      const { stringify } = await import('yaml')
      // As JSON has it: what is undefined is left out. Long lines stay whole, for those who look for text.
      return stringify(JSON.parse(JSON.stringify(await report.data())), {
        lineWidth: 0,
        aliasDuplicateObjects: false,
      })
    }
  }
}

const CLEAR = '\x1b[H\x1b[2J\x1b[3J'

/**
 * Shows what `ask` says every `seconds`, until `signal`. An agent that cannot be asked now may be there the next time: an upgrade is what
 * people watch, and it says once why. Several YAML documents are told apart by `---`, JSON ones need nothing.
 */
export async function watch(
  ask: () => Promise<Report>,
  asked: Pick<Asked, 'format' | 'signal'>,
  seconds: number,
  output: Output,
): Promise<void> {
  let said = ''
  for (let first = true; ; first = false) {
    const text = await ask()
      .then((report) => rendered(report, asked.format, output.style))
      .catch((error: unknown) => {
        if (error instanceof CliError && error.code !== 'no-page' && error.code !== 'usage') return error
        throw error
      })
    const problem = text instanceof CliError ? text.message : ''
    if (problem !== '' && problem !== said) output.say(problem)
    if (!(text instanceof CliError)) output.write(`${separator(asked.format, output.terminal, first)}${text}`)
    said = problem
    try {
      await setTimeout(seconds * 1000, undefined, { signal: asked.signal })
    } catch {
      return
    }
  }
}

function separator(format: Format, terminal: boolean, first: boolean): string {
  if (terminal && format === 'text') return CLEAR
  if (format === 'json' || first) return ''
  return format === 'yaml' ? '---\n' : '\n'
}
