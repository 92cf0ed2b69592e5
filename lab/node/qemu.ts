// The command line of one virtual machine.

import { execFileSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import type { Kernel } from './kernel.ts'

export interface Share {
  /** Folder of the host, seen at the same path in the guest, past the root's cache: what changes while it runs. */
  readonly path: string
  readonly mode: 'ro' | 'rw'
  /** `loose` reads a file once: for what never changes. Default `none`. */
  readonly cache?: 'none' | 'loose'
}

export interface GuestNetwork {
  /** Tap device that exists already, in the network namespace that QEMU is started in. */
  readonly tap: string
  readonly mac: string
}

export interface MachineSettings {
  readonly name: string
  readonly memoryMiB: number
  readonly cpus: number
  readonly kernel: Kernel
  /** Path of the static tools program, as host and guest see it. */
  readonly tools: string
  /** Script that the guest starts. */
  readonly start: string
  readonly shares: readonly Share[]
  readonly networks: readonly GuestNetwork[]
  /** Folder for sockets and the console's log. */
  readonly directory: string
  /** More podroute.<key>=<value> settings for the start script; no spaces in values. */
  readonly settings?: Readonly<Record<string, string>>
}

/** KVM only where the processor has it, not where the device file is all there is. */
export function hardwareVirtualization(): boolean {
  try {
    if (!/^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))) return false
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

const KERNEL_PARAMETERS = [
  'console=ttyS0',
  'quiet',
  'panic=-1', // ends the machine, so that whoever waits for it learns of it
  // Emulated, these cost much and protect nothing.
  'mitigations=off',
  'nowatchdog',
  'audit=0',
  'apparmor=0',
  'rcupdate.rcu_expedited=1',
  // A guest that gets no processor for a moment counts too few ticks, and gives up.
  'no_timer_check',
]

/** The rate of the time stamp counter, told to an emulated guest: on a busy machine it measures nonsense. */
function clockParameters(tools: string): string[] {
  if (hardwareVirtualization()) return []
  const kilohertz = execFileSync(tools, ['tsc'], { encoding: 'utf8' }).trim()
  return ['tsc=reliable', `tsc_early_khz=${kilohertz}`]
}

function kernelCommandLine(machine: MachineSettings): string {
  const settings: Record<string, string> = {
    name: machine.name,
    kernel: machine.kernel.root,
    tools: machine.tools,
    start: machine.start,
    ...machine.settings,
  }
  if (machine.shares.length > 0) {
    settings.shares = machine.shares
      .map(({ path, mode, cache = 'none' }, index) => `share${index}:${mode}:${cache}:${path}`)
      .join(',')
  }
  const words = Object.entries(settings).map(([key, value]) => `podroute.${key}=${value}`)
  return [...KERNEL_PARAMETERS, ...clockParameters(machine.tools), ...words].join(' ')
}

function fileSystem(tag: string, path: string, mode: 'ro' | 'rw'): string[] {
  const readonly = mode === 'ro' ? ',readonly=on' : ''
  return ['-virtfs', `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${readonly}`]
}

export function qemuArguments(machine: MachineSettings, kvm: boolean): string[] {
  const accelerator = kvm
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max']
  return [
    ...['-name', machine.name, '-machine', 'q35', ...accelerator],
    ...['-smp', String(machine.cpus), '-m', String(machine.memoryMiB)],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-serial', `file:${machine.directory}/console.log`],
    ...['-kernel', machine.kernel.image, '-initrd', machine.kernel.initramfs],
    ...['-append', kernelCommandLine(machine)],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=agent,path=${machine.directory}/port.sock,server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=podroute.agent'],
    ...fileSystem('hostroot', '/', 'ro'),
    ...machine.shares.flatMap(({ path, mode }, index) => fileSystem(`share${index}`, path, mode)),
    ...machine.networks.flatMap(({ tap, mac }, index) => [
      ...['-netdev', `tap,id=net${index},ifname=${tap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=net${index},mac=${mac},romfile=`],
    ]),
  ]
}
