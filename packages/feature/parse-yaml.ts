/** YAML that people write: its value, or every problem of it. */
import { parseDocument } from 'yaml'

/** Nothing of it goes to standard error, where passwords may stand in it. An alias of nothing, or too many aliases, are found by the second step. Undefined when `problems` were found, and of an empty text. */
export function parseYaml(text: string, problems: string[]): unknown {
  const say = ({ message }: Error) => void problems.push(`YAML: ${message.split('\n')[0]}`)
  const document = parseDocument(text, { prettyErrors: true, logLevel: 'error' })
  document.errors.forEach(say)
  if (document.errors.length > 0) return undefined
  try {
    return document.toJS()
  } catch (error) {
    say(error as Error)
    return undefined
  }
}
