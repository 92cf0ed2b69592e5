// `lab up`: starts the lab, shows it at work, and leaves it running. Interrupted or failed, it leaves nothing.

import { parseArgs } from 'node:util'
import { interruptCommands, resumeCommands } from '../command.ts'
import { requireNoLab, startLab, stopLab } from '../lifecycle.ts'
import { prepare } from '../prepare.ts'
import { Processes } from '../processes.ts'
import { Progress } from '../progress.ts'
import { demonstrate } from '../scenarios/demonstrate.ts'
import { STATE } from '../state.ts'

const HINTS = `
  npm run lab -- kubectl get pods -A -o wide      kubectl against the lab
  npm run lab -- node 1                           a shell in node-1 (ip route, cat /etc/cni/net.d/…)
  npm run lab -- router "show bgp summary"        the router outside the cluster
  npm run lab -- status                           what runs
  npm run lab -- down                             stop; nothing is left behind
`

interface UpOptions {
  /** A lab that failed to start stays, for looking around. */
  readonly keep: boolean
  /** Start only; show nothing. */
  readonly quiet: boolean
  /** The nodes have the images that upstream's tests want. */
  readonly e2e: boolean
}

function parse(args: string[]): UpOptions {
  const { values } = parseArgs({
    args,
    options: {
      keep: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      e2e: { type: 'boolean', default: false },
    },
  })
  return values
}

export async function up(args: string[]): Promise<number> {
  const options = parse(args)
  await requireNoLab()
  let interrupted = false
  const interrupt = () => {
    if (interrupted) return
    interrupted = true
    process.stdout.write('interrupted: cleaning up\n')
    interruptCommands()
    // What waits for a guest wakes up when the guest goes.
    void Processes.load(STATE).then((processes) => processes.stop())
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, interrupt)
  try {
    await start(options)
    return 0
  } catch (error) {
    if (!interrupted && options.keep) throw error
    resumeCommands()
    await stopLab()
    if (!interrupted) throw error
    return 130
  } finally {
    for (const signal of signals) process.off(signal, interrupt)
  }
}

async function start({ quiet, e2e }: UpOptions): Promise<void> {
  const progress = new Progress()
  const prepared = await prepare(progress, { upstream: e2e })
  await startLab(prepared, progress)
  if (quiet) return
  const table = await demonstrate(progress)
  process.stdout.write(`\n${table}\n${HINTS}`)
}

export async function down(): Promise<number> {
  const existed = await stopLab()
  process.stdout.write(existed ? 'the lab is stopped\n' : 'no lab is running\n')
  return 0
}

/** Installs and builds all that the lab and the tests need. */
export async function prepareOnly(args: string[]): Promise<number> {
  const { e2e } = parse(args)
  await prepare(new Progress(), { upstream: e2e, tests: true })
  return 0
}
