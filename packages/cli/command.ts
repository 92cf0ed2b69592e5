/** What every command is made of: a page of the agent, and how people see it. */
import type { Reports } from '@podroute/agent/admin/reports.ts'
import { Command } from 'commander'
import { ask, DEFAULT_SOCKET } from './client.ts'

export interface ReportCommand<P extends keyof Reports> {
  readonly name: string
  readonly summary: string
  readonly page: P
  print(report: Reports[P]): string
}

export function reportCommand<P extends keyof Reports>(
  definition: ReportCommand<P>,
  write: (text: string) => void,
): Command {
  return new Command(definition.name)
    .description(definition.summary)
    .option('--json', 'print what the agent answered, as JSON')
    .option('--socket <path>', 'socket of the agent', process.env.PODROUTE_SOCKET ?? DEFAULT_SOCKET)
    .action(async (options: { json?: boolean; socket: string }) => {
      const report = await ask(options.socket, definition.page)
      write(`${options.json ? JSON.stringify(report, null, 2) : definition.print(report)}\n`)
    })
}
