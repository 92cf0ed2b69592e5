/** The command line as a whole: the agent's own commands, and one for each page of its features. */
import type { PagesReport } from '@podroute/agent/admin/reports.ts'
import { Command } from 'commander'
import { reportCommand, SOCKET } from './command.ts'
import { cleanupCommand } from './commands/cleanup.ts'
import { doctorCommand } from './commands/doctor.ts'
import { page } from './commands/page.ts'
import { plan } from './commands/plan.ts'
import { status } from './commands/status.ts'
import { EXIT_STATUS } from './errors.ts'

/** In place of their list. */
const NO_PAGES = '\nNo agent answers: when one runs, its pages are commands, too.\n'

/**
 * @param write where reports go
 * @param pages what the agent's features have to show; where no agent answers any name is tried, and the answer says why it cannot be
 */
export function createProgram(
  version: string,
  write: (text: string) => void,
  pages: PagesReport['pages'] = [],
): Command {
  const program = new Command('podroute')
    .description('Looks at the podroute agent of this node')
    .version(version)
    // What stands behind a command is that command's.
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', pages.length === 0 ? `${NO_PAGES}${EXIT_STATUS}` : EXIT_STATUS)
    .addCommand(reportCommand(status, write))
    .addCommand(reportCommand(plan, write))
    .addCommand(cleanupCommand(write))
    .addCommand(doctorCommand(write))
  for (const { name, summary, ...more } of pages)
    program.addCommand(reportCommand(page(name, summary, more), write))
  // Commands that are added do not inherit it.
  for (const command of program.commands) command.exitOverride()
  return program
    .argument('[page]', 'a page of the agent that runs')
    .option('--json', 'print what the agent answered, as JSON')
    .option('--socket <path>', 'socket of the agent', SOCKET)
    .action(async (name: string | undefined, options: { json?: boolean; socket: string }) => {
      if (name === undefined) return program.help()
      const command = reportCommand(page(name, ''), write)
      const json = options.json ? ['--json'] : []
      await command.parseAsync([...json, '--socket', options.socket], { from: 'user' })
    })
}
