/** What every command is made of: something that the agent is asked, and how people see it. */
import { Command } from 'commander'
import { DEFAULT_SOCKET } from './client.ts'

export interface ReportCommand<Report> {
  readonly name: string
  readonly summary: string
  /** The answer for programs, and for `print`. */
  ask(socket: string): Promise<Report>
  /** The answer for people; those of some commands are asked for apart. */
  print(report: Report, socket: string): string | Promise<string>
}

export const SOCKET = process.env.PODROUTE_SOCKET ?? DEFAULT_SOCKET

export function reportCommand<Report>(
  definition: ReportCommand<Report>,
  write: (text: string) => void,
): Command {
  return new Command(definition.name)
    .description(definition.summary)
    .option('--json', 'print what the agent answered, as JSON')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .action(async (options: { json?: boolean; socket: string }) => {
      const report = await definition.ask(options.socket)
      const text = options.json
        ? JSON.stringify(report, null, 2)
        : await definition.print(report, options.socket)
      write(`${text}\n`)
    })
}
