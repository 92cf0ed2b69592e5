/** What every command is made of: something that the agent is asked, and how people see it. */
import { Command } from 'commander'
import { DEFAULT_SOCKET } from './client.ts'

export interface ReportCommand {
  readonly name: string
  readonly summary: string
  /** The answer for programs. */
  ask(socket: string): Promise<unknown>
  /** The answer for people. */
  show(socket: string): Promise<string>
}

export const SOCKET = process.env.PODROUTE_SOCKET ?? DEFAULT_SOCKET

export function reportCommand(definition: ReportCommand, write: (text: string) => void): Command {
  return new Command(definition.name)
    .description(definition.summary)
    .option('--json', 'print what the agent answered, as JSON')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .action(async ({ json, socket }: { json?: boolean; socket: string }) => {
      const text = json
        ? JSON.stringify(await definition.ask(socket), null, 2)
        : await definition.show(socket)
      write(`${text}\n`)
    })
}
