import { expect } from 'chai'
import { FakeMachine, startProcess } from '../testing/fake-system.ts'
import { describePrepareNode, type PreparedNode } from '../testing/prepare-node-suite.ts'
import { prepareNode } from './prepare-node.ts'

const EXECUTABLE = '/opt/podroute/cni/podroute-cni'
const RELEASE = '6.12.1-test'
const SYS_MODULE = '0000000000010000'
const FILES = `/lib/modules/${RELEASE}`

class FakeNode implements PreparedNode {
  readonly folder = '/node'
  readonly machine = new FakeMachine()
  readonly modules: readonly string[]

  constructor(modules: readonly string[] = []) {
    this.modules = modules
    for (const folder of ['/node', '/opt/cni/bin', '/sys/module', '/etc/modprobe.d'])
      this.machine.files.makeDirectories(folder)
    this.write(EXECUTABLE, 'usage: podroute-cni install DIR [--force]')
    this.write('/proc/sys/kernel/osrelease', `${RELEASE}\n`)
    this.write('/proc/self/status', `Name:\tpodroute-cni\nCapEff:\t${SYS_MODULE}\n`)
    this.write('/proc/modules', '')
  }

  write(path: string, text: string): void {
    this.machine.files.makeDirectories(path.slice(0, path.lastIndexOf('/')))
    this.machine.files.write(path, text, 0o600)
  }

  read(path: string): string {
    return this.machine.files.read(path)
  }

  list(path: string): string[] {
    return this.machine.files.list(path)
  }

  /** A module that the host has: depmod names its file, and those that it needs. */
  addModule(name: string, file: string, needs: readonly string[] = []): void {
    const path = `${FILES}/${file}`
    const before = this.machine.files.exists(`${FILES}/modules.dep`) ? this.read(`${FILES}/modules.dep`) : ''
    this.write(path, name)
    this.write(`${FILES}/modules.dep`, `${before}${file}: ${needs.join(' ')}\n`)
    this.machine.moduleFiles.set(path, name)
  }

  isLoaded(name: string): boolean {
    return this.machine.files.exists(`/sys/module/${name}`)
  }

  prepareNow(words: readonly string[]) {
    const started = startProcess(this.machine, {
      ...{ arguments: ['podroute-cni', 'prepare-node', ...words], environment: {}, input: '' },
      executable: EXECUTABLE,
    })
    const status = prepareNode(started.system, words, this.modules)
    const { output, error } = started.process
    return { status, said: `${output}${error}`.split('\n').filter((line) => line !== '') }
  }

  async prepare(words: readonly string[]) {
    return this.prepareNow(words)
  }
}

describe('prepare-node of the plugins’ program', () => {
  describePrepareNode(() => new FakeNode())

  it('does and says nothing where it does not understand: the agent’s own is asked then', () => {
    const node = new FakeNode(['ip_vs'])
    node.addModule('ip_vs', 'ip_vs.ko')
    node.write('/node/good', '{"clusters": []}')
    node.write('/node/flow', 'clusters: [{name: a, cluster: {server: https://192.0.2.1}}]\n')
    const install = '--install-cni=/opt/cni/bin'
    for (const words of [
      [install],
      [install, '/node/out', '/node/good'],
      [install, '/node/out', '/node/flow'],
    ])
      expect(node.prepareNow(words), words.join()).to.deep.equal({ status: 2, said: [] })
    expect(node.list('/node')).to.have.members(['good', 'flow'])
    expect([node.list('/opt/cni/bin'), node.isLoaded('ip_vs')]).to.deep.equal([[], false])
  })

  it('installs the CNI plugins where it is told to, and keeps those of others', () => {
    const node = new FakeNode()
    node.write('/opt/cni/bin/bridge', 'another bridge')
    const { said, status } = node.prepareNow(['--install-cni=/opt/cni/bin', '/node/out'])
    expect(status).to.equal(0)
    expect(said).to.deep.equal([
      '/opt/cni/bin/bridge was not ours: it is /opt/cni/bin/bridge.before-podroute now',
      'installed podroute-cni, bridge, host-local, loopback, portmap in /opt/cni/bin',
    ])
    expect(node.prepareNow(['/node/out'])).to.deep.equal({ said: [], status: 0 })
  })

  it('goes on where the plugins cannot be installed, and fails then', () => {
    const node = new FakeNode(['ip_vs'])
    node.addModule('ip_vs', 'ip_vs.ko')
    const { said, status } = node.prepareNow(['--install-cni=/nowhere', '/node/out'])
    expect([said.join(), status]).to.deep.equal(['podroute-cni: ENOENT: /nowhere: ENOENT', 1])
    expect(node.isLoaded('ip_vs')).to.equal(true)
  })

  it('loads modules from the host’s files, each after what it needs, and says nothing of those that are there', () => {
    const node = new FakeNode(['ip_vs', 'br_netfilter', 'nf_conntrack'])
    node.addModule('nf_conntrack', 'net/nf_conntrack.ko.xz')
    node.addModule('ip_vs', 'net/ip_vs.ko.xz', ['net/nf_conntrack.ko.xz'])
    node.machine.files.makeDirectories('/sys/module/br_netfilter')
    expect(node.prepareNow(['/node/out'])).to.deep.equal({ said: [], status: 0 })
    expect(node.isLoaded('ip_vs')).to.equal(true)
  })

  it('asks the kernel for those that the host’s modprobe is to load', () => {
    const node = new FakeNode(['ip_vs', 'ip_vs_rr'])
    node.addModule('ip_vs', 'ip_vs.ko')
    node.write('/etc/modprobe.d/host.conf', 'options ip_vs conn_tab_bits=20\n')
    node.machine.helperModules.add('ip_vs')
    const { said, status } = node.prepareNow(['/node/out'])
    expect(node.isLoaded('ip_vs')).to.equal(true)
    expect(said).to.deep.equal([
      'module ip_vs_rr is not loaded: the host has no module ip_vs_rr for this kernel, or forbids it: try modprobe ip_vs_rr there',
    ])
    expect(status).to.equal(0)
  })

  it('says what to do where it may not load any, and asks for none with a name that is too long', () => {
    const node = new FakeNode(['ip_vs', 'a_name_that_is_too_long'])
    node.machine.files.write('/proc/self/status', 'CapEff:\t0000000000000000\n')
    expect(node.prepareNow(['/node/out']).said).to.deep.equal([
      'module ip_vs is not loaded: load it on the host, modprobe ip_vs, or let the init container of podroute.yaml do it: prepare-node, with SYS_MODULE, starts before each agent',
      'module a_name_that_is_too_long is not loaded: load it on the host: modprobe a_name_that_is_too_long',
    ])
  })
})
