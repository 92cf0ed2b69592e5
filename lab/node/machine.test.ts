import { expect } from 'chai'
import { KIND_VARIABLE, machineKind, machineProcesses } from './machine.ts'
import type { MachineSettings } from './settings.ts'

const machine: MachineSettings = {
  name: 'node-1',
  memoryMiB: 512,
  cpus: 1,
  kernel: { version: '7.3', image: '/k/linux', initramfs: '/k/initramfs', root: '/k' },
  tools: '/bin/true',
  start: '/lab/start.sh',
  shares: [{ path: '/files', mode: 'ro' }],
  networks: [{ tap: 'tap1', mac: '52:54:00:00:00:01' }],
  directory: '/lab/node-1',
}

function processesOf(kind: string): string[][] {
  const before = process.env[KIND_VARIABLE]
  process.env[KIND_VARIABLE] = kind
  try {
    return machineProcesses(machine).map(({ command }) => [...command])
  } finally {
    if (before === undefined) delete process.env[KIND_VARIABLE]
    else process.env[KIND_VARIABLE] = before
  }
}

describe('the machines of the lab', () => {
  it('are of the kind that the environment names', () => {
    expect(machineKind({ [KIND_VARIABLE]: 'tcg' })).to.equal('tcg')
  })

  it('are user-mode Linux or KVM where it names none', () => {
    expect(machineKind({})).to.be.oneOf(['uml', 'kvm'])
  })

  it('are refused where it names what there is not', () => {
    expect(() => machineKind({ [KIND_VARIABLE]: 'xen' })).to.throw('choose from kvm, uml, tcg')
  })

  it('are one process of user-mode Linux, on one of our processors', () => {
    const [command, ...more] = processesOf('uml')
    expect(more).to.deep.equal([])
    expect(command!.slice(0, 2)).to.deep.equal(['taskset', '-c'])
    expect(command).to.include.members(['podroute.files=hostfs', 'podroute.shares=share0:ro:none:/files'])
    // Heard on a packet socket: the signal of the tap itself comes before what it says.
    expect(command!.filter((word) => word.startsWith('vec0:transport=hybrid,ifname=tap1,'))).to.have.length(1)
  })

  it('are QEMU and the relay to its port, with KVM', () => {
    const [qemu, relay] = processesOf('kvm')
    expect(qemu!.slice(0, 1)).to.deep.equal(['qemu-system-x86_64'])
    expect(qemu).to.include('kvm')
    expect(relay!.slice(0, 2)).to.deep.equal(['/bin/true', 'relay'])
  })
})
