// What a virtual machine is given, whatever runs it.

import type { Kernel } from './kernel.ts'

export interface Share {
  /** Folder of the host, seen at the same path in the guest, past the root's cache: what changes while it runs. */
  readonly path: string
  readonly mode: 'ro' | 'rw'
  /** `loose` reads a file once: for what never changes. Default `none`. */
  readonly cache?: 'none' | 'loose'
}

export interface GuestNetwork {
  /** Tap device that exists already, in the network namespace that the machine is started in. */
  readonly tap: string
  readonly mac: string
}

export interface MachineSettings {
  readonly name: string
  readonly memoryMiB: number
  /** Virtual processors; user-mode Linux has one. */
  readonly cpus: number
  /** Which of the host's processors user-mode Linux runs on, counted modulo their number; default the last. */
  readonly processor?: number
  readonly kernel: Kernel
  /** Path of the static tools program, as host and guest see it. */
  readonly tools: string
  /** Script that the guest starts. */
  readonly start: string
  readonly shares: readonly Share[]
  readonly networks: readonly GuestNetwork[]
  /** Folder for sockets and the console's log. */
  readonly directory: string
}

/** How a guest reaches what is the host's. */
export interface HostAccess {
  /** File system type of the root and the shares. */
  readonly files: '9p' | 'hostfs'
  /** The command channel: a virtio port's name, or the path of a serial line. */
  readonly port: string
}

/** podroute.<key>=<value> words of the kernel's command line, for initramfs.sh and start.sh; no spaces in values. */
export function guestWords(machine: MachineSettings, access: HostAccess): string[] {
  const settings: Record<string, string> = {
    name: machine.name,
    kernel: machine.kernel.root,
    tools: machine.tools,
    start: machine.start,
    ...access,
  }
  if (machine.shares.length > 0) {
    settings.shares = machine.shares
      .map(({ path, mode, cache = 'none' }, index) => `share${index}:${mode}:${cache}:${path}`)
      .join(',')
  }
  return Object.entries(settings).map(([key, value]) => `podroute.${key}=${value}`)
}
