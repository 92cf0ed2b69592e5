// The command line of one user-mode Linux: a kernel that runs as a process of the host. Its processes run on the
// host's processor as they are; only system calls and page faults cost more.

import { readFileSync } from 'node:fs'
import { guestWords, type MachineSettings } from './settings.ts'

/** Descriptor that the tools' `machine` gives to the kernel as the host's end of the command channel. */
const CHANNEL = 3

/** The host's processors that this process may use, by number (proc_pid_status(5), Cpus_allowed_list). */
function processors(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/**
 * On one processor: kernel and process take turns, one at a time, and a system call takes 8 µs there, 50 µs where it wakes
 * another processor (measured, two cores).
 */
function pinned({ processor }: MachineSettings): string[] {
  const all = processors()
  return ['taskset', '-c', String(processor === undefined ? all.at(-1) : all[processor % all.length])]
}

/**
 * `hybrid` writes to the tap and hears it on a packet socket. On the tap itself (`tap`) the host's kernel sends the signal before it
 * wakes the poll: a guest that is quick finds nothing then, and the frame waits for the next one. Measured on a bare connection: 10 of
 * 10,000 connects took the 0.2 or 1 s of a retransmission; with `hybrid` none of 60,000. The tap counts what nobody reads as dropped.
 */
const TRANSPORT = 'hybrid'

function umlArguments(machine: MachineSettings): string[] {
  return [
    ...[`mem=${machine.memoryMiB}M`, `initrd=${machine.kernel.initramfs}`],
    'seccomp=auto', // where the host has it: half of what ptrace costs
    ...['con=null', 'con0=null,fd:1', 'ssl=null', `ssl0=fd:${CHANNEL}`],
    ...['quiet', 'panic=-1', 'rcupdate.rcu_expedited=1'],
    ...machine.networks.map(
      ({ tap, mac }, index) => `vec${index}:transport=${TRANSPORT},ifname=${tap},depth=64,gro=1,mac=${mac}`,
    ),
    ...guestWords(machine, { files: 'hostfs', port: '/dev/ttyS0' }),
  ]
}

/** Runs until the guest's kernel ends. */
export function umlCommand(machine: MachineSettings, socket: string): string[] {
  const { image } = machine.kernel
  return [...pinned(machine), machine.tools, 'machine', socket, image, ...umlArguments(machine)]
}
