// The command line of one virtual machine of QEMU.

import { execFileSync } from 'node:child_process'
import { guestWords, type MachineSettings } from './settings.ts'

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
  const kilohertz = execFileSync(tools, ['tsc'], { encoding: 'utf8' }).trim()
  return ['tsc=reliable', `tsc_early_khz=${kilohertz}`]
}

function kernelCommandLine(machine: MachineSettings, kvm: boolean): string {
  const words = guestWords(machine, { files: '9p', port: 'podroute.agent' })
  return [...KERNEL_PARAMETERS, ...(kvm ? [] : clockParameters(machine.tools)), ...words].join(' ')
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
    ...['-append', kernelCommandLine(machine, kvm)],
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
