// `npm run lab`: a Kubernetes cluster on this machine whose pod network and Services are podroute's.

import { kubectlProgram, logs, nodeShell, router, status } from './commands/look.ts'
import { down, prepareOnly, up } from './commands/up.ts'
import { guestProgram } from './commands/vm.ts'
import { LabError } from './errors.ts'

const USAGE = `usage: npm run lab -- COMMAND

  up                        start the lab and show it at work (the default); --keep leaves a lab that failed,
                            --e2e makes it fit for upstream's tests (npm run e2e)
  down                      stop it; nothing is left behind
  status                    what runs
  kubectl ARGUMENTS…        kubectl against the lab
  node N [COMMAND…]         a shell in node N, or a command in it
  router ["COMMAND"]        the router outside the cluster: FRR's shell, or one command of it
  logs [NAME]               log files, or the end of one
  prepare                   only install and build what the lab and the tests need; --e2e, also upstream's
  vm [OPTIONS] -- COMMAND…  a command in a virtual machine of its own (--memory MiB, --cpus N, --share DIR)
`

type Command = (args: string[]) => Promise<number>

const COMMANDS: Readonly<Record<string, Command>> = {
  up,
  down,
  prepare: prepareOnly,
  status,
  kubectl: kubectlProgram,
  node: nodeShell,
  router,
  logs,
  vm: guestProgram,
}

async function main(args: string[]): Promise<number> {
  const [name = 'up', ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const command = COMMANDS[name]
  if (command === undefined) {
    process.stderr.write(`podroute lab: no command ${name}\n${USAGE}`)
    return 2
  }
  return command(rest)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof LabError)) throw error
  process.stderr.write(`podroute lab: ${error.message}\n`)
  process.exitCode = 1
}
