/** The command line as a whole: the agent's own commands, and one for each page of its features. */
import type { PagesReport } from '@podroute/agent/admin/reports.ts'
import { nearestName } from '@podroute/feature/nearest-name.ts'
import { Command } from 'commander'
import { bundle } from './bundle/bundle.ts'
import { capture } from './capture/capture.ts'
import { askPages } from './client.ts'
import { addOutputOptions, formatOf, reportCommand, SOCKET, type Surroundings } from './command.ts'
import { cleanup } from './commands/cleanup.ts'
import { doctor } from './commands/doctor.ts'
import { page } from './commands/page.ts'
import { plan } from './commands/plan.ts'
import { status } from './commands/status.ts'
import { askedByShells, completionCommand, namesFromAgent } from './completion/completion.ts'
import { ASK } from './completion/scripts.ts'
import { connectivity } from './connectivity/connectivity.ts'
import { CliError, EXIT_STATUS } from './errors.ts'
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
    .helpCommand('help [command]', 'what a command does, and its options')
    .addHelpText('after', pages.length === 0 ? `${NO_PAGES}${EXIT_STATUS}` : EXIT_STATUS)
  const ofPages = pages.map(({ name, summary, ...more }) => page(name, summary, more))
  for (const definition of [...COMMANDS, ...ofPages])
    program.addCommand(reportCommand(definition, surroundings))
  const write = (text: string) => surroundings.write(text)
  program.addCommand(completionCommand(write))
  program.addCommand(askedByShells(program, namesFromAgent(SOCKET), write), { hidden: true })
  // Commands that are added do not inherit it.
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError(`(podroute ${command.name()} --help says what there is)`)
  return withAnyPage(program, surroundings)
}

/** What is no command here may be a page of an agent: it is asked, or it is said why none can be. */
function withAnyPage(program: Command, surroundings: Surroundings): Command {
  // Of a page that only the agent knows, its arguments, too.
  addOutputOptions(program.allowExcessArguments().allowUnknownOption())
  return program
    .argument('[page]', 'a page of the agent that runs')
    .action(async (name: string | undefined, options: { output: Format; json?: boolean; socket: string }) => {
      if (name === undefined) return program.help()
      if (name.startsWith('-'))
        program.error(`error: unknown option '${name}'\n(podroute --help says what there is)`)
      const [, ...more] = program.args
      if (more.length > 0) await askPages(options.socket)
      const names = program.commands.map((command) => command.name())
      const meant = nearestName(
        name,
        names.filter((one) => one !== ASK),
      )
      if (meant !== undefined || more.length > 0) throw noCommand(name, meant)
      const command = reportCommand(page(name, ''), surroundings)
      await command.parseAsync(['-o', formatOf(options), '--socket', options.socket], { from: 'user' })
    })
}

function noCommand(name: string, meant: string | undefined): CliError {
  const hint = meant === undefined ? 'podroute --help lists them' : `did you mean "${meant}"?`
  return new CliError('usage', `there is no command "${name}": ${hint}`)
}
