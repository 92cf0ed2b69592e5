// What the nodes run on, and the commands that start one.

import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from '../errors.ts'
import type { Kernel } from './kernel.ts'
import { qemuArguments } from './qemu.ts'
import type { MachineSettings } from './settings.ts'
import { prepareStockKernel } from './stock-kernel.ts'
import { umlCommand } from './uml.ts'
import { prepareUmlKernel } from './uml-kernel.ts'

/**
 * `kvm` and `tcg`: QEMU with a stock Debian kernel, on the processor's virtualization or emulated. `uml`: user-mode Linux, a
 * kernel built from Debian's source; without virtualization it runs Node.js six times as fast as `tcg`.
 */
const KINDS = ['kvm', 'uml', 'tcg'] as const

export type MachineKind = (typeof KINDS)[number]

/** Names a kind, past what the machine would choose. */
export const KIND_VARIABLE = 'PODROUTE_LAB_MACHINE'

/** KVM only where the processor has it, not where the device file is all there is. */
function hardwareVirtualization(): boolean {
  try {
    if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return false
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** @throws LabError `bad-usage` where the environment names none of them */
export function machineKind(environment: NodeJS.ProcessEnv = process.env): MachineKind {
  const wanted = environment[KIND_VARIABLE]
  if (!wanted) return hardwareVirtualization() ? 'kvm' : 'uml'
  const kind = KINDS.find((name) => name === wanted)
  if (kind) return kind
  throw new LabError('bad-usage', `${KIND_VARIABLE} is "${wanted}": choose from ${KINDS.join(', ')}`)
}

/** The kernel for it, from the cache or made, which for `uml` takes minutes; `onOutput` hears the programs that do it. */
export function prepareKernel(onOutput?: (text: string) => void): Promise<Kernel> {
  return machineKind() === 'uml' ? prepareUmlKernel(onOutput) : prepareStockKernel()
}

/** The socket of the command channel, for channel.ts. */
export function agentSocket(directory: string): string {
  return join(directory, 'agent.sock')
}

/** One process of a virtual machine; when one ends, so has the machine. */
export interface MachineProcess {
  /** What its name has after the machine's. */
  readonly suffix: string
  readonly command: readonly string[]
}

export function machineProcesses(machine: MachineSettings): MachineProcess[] {
  const socket = agentSocket(machine.directory)
  const kind = machineKind()
  if (kind === 'uml') return [{ suffix: '', command: umlCommand(machine, socket) }]
  return [
    { suffix: '', command: ['qemu-system-x86_64', ...qemuArguments(machine, kind === 'kvm')] },
    { suffix: '-relay', command: [machine.tools, 'relay', join(machine.directory, 'port.sock'), socket] },
  ]
}
