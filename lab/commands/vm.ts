// `lab vm -- COMMAND`: boots a throwaway virtual machine, runs one command in it, exits with its status.

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LabError } from '../errors.ts'
import { bootVm, defaultCpus } from '../node/vm.ts'
import { checkMachine, installPackages } from '../prerequisites.ts'

const PACKAGES = [
  'bc',
  'bison',
  'busybox-static',
  'cpio',
  'flex',
  'gcc',
  'kmod',
  'libc6-dev',
  'make',
  'qemu-system-x86',
  'ipvsadm',
  'iproute2',
  'nftables',
  'libnftables1',
  'xz-utils',
]

function options(args: string[]) {
  const split = args.indexOf('--')
  if (split === -1 || split === args.length - 1) {
    throw new LabError('bad-usage', 'say what to run: npm run lab -- vm [OPTIONS] -- COMMAND…')
  }
  const { values } = parseArgs({
    args: args.slice(0, split),
    options: {
      memory: { type: 'string', default: '1536' },
      cpus: { type: 'string', default: String(defaultCpus()) },
      share: { type: 'string', multiple: true, default: [] },
      verbose: { type: 'boolean', default: false },
    },
  })
  return { ...values, command: args.slice(split + 1) }
}

/** Of this process's environment: what is built here is found there. */
function inherited(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']).filter(([, value]) => value))
}

export async function guestProgram(args: string[]): Promise<number> {
  const { memory, cpus, share, verbose, command } = options(args)
  await checkMachine()
  await installPackages(PACKAGES)
  const closing = new AbortController()
  await using vm = await bootVm({
    name: 'throwaway',
    memoryMiB: Number(memory),
    cpus: Number(cpus),
    shares: share.map((path) => ({ path: resolve(path), mode: 'rw' })),
  })
  if (verbose) process.stderr.write(`booted in ${vm.bootSeconds.toFixed(1)} s\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      closing.abort()
      void vm.close()
    })
  }
  try {
    return await vm.stream(
      command,
      {
        onStdout: (chunk) => process.stdout.write(chunk),
        onStderr: (chunk) => process.stderr.write(chunk),
      },
      { cwd: process.cwd(), env: inherited('HOME', 'PATH', 'PODROUTE_CACHE') },
    )
  } catch (error) {
    if (closing.signal.aborted) return 130
    throw error
  }
}
