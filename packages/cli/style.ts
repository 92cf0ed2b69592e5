/** Colours of reports: on a terminal only, and not where NO_COLOR (no-color.org) is set. */
import { styleText } from 'node:util'

export interface Style {
  header(text: string): string
  /** A word that says how something is: good ones, bad ones and those to look at are told apart. */
  state(text: string): string
}

export const PLAIN: Style = { header: (text) => text, state: (text) => text }

const GOOD = /^(ok|yes|ready|up|established|installed|Ready|passed)$/
const BAD = /^(no|missing|failed|refused|down|error|not ready|no agent)$/
const LOOK = /^(look|warning|Warning|unknown|skipped)$/

const COLOURED: Style = {
  header: (text) => styleText('bold', text, { validateStream: false }),
  state(text) {
    const colour = GOOD.test(text) ? 'green' : BAD.test(text) ? 'red' : LOOK.test(text) ? 'yellow' : undefined
    return colour ? styleText(colour, text, { validateStream: false }) : text
  },
}

export function styleFor(
  terminal: boolean,
  { NO_COLOR = '', TERM = '' }: Readonly<Record<string, string | undefined>>,
): Style {
  return terminal && NO_COLOR === '' && TERM !== 'dumb' ? COLOURED : PLAIN
}
