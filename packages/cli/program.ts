/** The command line as a whole: the agent's own commands, and one for each page of its features. */
import type { PagesReport } from '@podroute/agent/admin/reports.ts'
import { Command } from 'commander'
import { bundle } from './bundle/bundle.ts'
import { capture } from './capture/capture.ts'
import { addOutputOptions, formatOf, reportCommand, SOCKET, type Surroundings } from './command.ts'
import { cleanup } from './commands/cleanup.ts'
import { doctor } from './commands/doctor.ts'
import { page } from './commands/page.ts'
import { plan } from './commands/plan.ts'
import { status } from './commands/status.ts'
import { askedByShells, completionCommand, namesFromAgent } from './completion/completion.ts'
import { connectivity } from './connectivity/connectivity.ts'
import { EXIT_STATUS } from './errors.ts'
import type { Format, ReportCommand } from './report.ts'
import { ui } from './ui/ui.ts'

/** In place of their list. */
const NO_PAGES = '\nNo agent answers: when one runs, its pages are commands, too.\n'

/** What is a command whether an agent runs or not. */
const COMMANDS: readonly ReportCommand[] = [
  ...[status, plan, doctor, connectivity, capture, ui, bundle, cleanup],
]

/** @param pages what the agent's features have to show; where no agent answers any name is tried, and the answer says why it cannot be */
export function createProgram(
  version: string,
  surroundings: Surroundings,
  pages: PagesReport['pages'] = [],
): Command {
  const program = new Command('podroute')
    .description('Looks at the podroute agent of this node')
    .version(version)
    // What stands behind a command is that command's.
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', pages.length === 0 ? `${NO_PAGES}${EXIT_STATUS}` : EXIT_STATUS)
  const ofPages = pages.map(({ name, summary, ...more }) => page(name, summary, more))
  for (const definition of [...COMMANDS, ...ofPages])
    program.addCommand(reportCommand(definition, surroundings))
  const write = (text: string) => surroundings.write(text)
  program.addCommand(completionCommand(write))
  program.addCommand(askedByShells(program, namesFromAgent(SOCKET), write), { hidden: true })
  // Commands that are added do not inherit it.
  for (const command of program.commands) command.exitOverride()
  return addOutputOptions(program.argument('[page]', 'a page of the agent that runs')).action(
    async (name: string | undefined, options: { output: Format; json?: boolean; socket: string }) => {
      if (name === undefined) return program.help()
      const command = reportCommand(page(name, ''), surroundings)
      await command.parseAsync(['-o', formatOf(options), '--socket', options.socket], { from: 'user' })
    },
  )
}
