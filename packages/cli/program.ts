/** The command line as a whole. */
import { Command } from 'commander'
import { reportCommand } from './command.ts'
import { peers } from './commands/peers.ts'
import { plan } from './commands/plan.ts'
import { routes } from './commands/routes.ts'
import { services } from './commands/services.ts'
import { status } from './commands/status.ts'

/** @param write where reports go */
export function createProgram(version: string, write: (text: string) => void): Command {
  return new Command('podroute')
    .description('Looks at the podroute agent of this node')
    .version(version)
    .addCommand(reportCommand(status, write))
    .addCommand(reportCommand(peers, write))
    .addCommand(reportCommand(routes, write))
    .addCommand(reportCommand(services, write))
    .addCommand(reportCommand(plan, write))
}
