import { FakeKernel } from '@podroute/kernel/testing/fake-kernel.ts'
import { expect } from 'chai'
import { FEATURES } from '../features.ts'
import { type CleanupOptions, cleanUpNode } from './cleanup.ts'
import { type FormerSysctls, notingFormer } from './former-sysctls.ts'

const BOOT = 'boot-1'
const CONFLIST = '/etc/cni/net.d/10-podroute.conflist'
const VIP = { family: 4, destination: '10.96.0.10/32', table: 255, protocol: 179, type: 'local' } as const

function store(value?: FormerSysctls) {
  const kept = { value }
  const save = (next: FormerSysctls) => {
    kept.value = next
  }
  return { kept, load: () => kept.value, save }
}

/** A node on which an agent has been. */
async function usedNode() {
  const kernel = new FakeKernel()
  await kernel.links.add({ kind: 'bridge', name: 'kube-bridge', up: true })
  await kernel.files.write(CONFLIST, '{}', 0o644)
  await kernel.files.write('/etc/cni/net.d/99-other.conflist', '{}', 0o644)
  await kernel.routes.apply([{ kind: 'add', route: { ...VIP, interfaceIndex: 1, scope: 254 } }])
  const former = store()
  const sysctls = notingFormer(kernel.sysctls, former, BOOT)
  sysctls.write('net/ipv4/ip_forward', '1')
  sysctls.write('net/ipv4/conf/all/arp_ignore', '1')
  const paths = new Set(['/run/podroute', '/opt/cni/bin/bridge'])
  const cleanup = (more: Partial<CleanupOptions> = {}) =>
    cleanUpNode({
      ...{ kernel, definitions: FEATURES, settings: new Map(), former: former.kept.value, bootId: BOOT },
      files: {
        exists: (path) => paths.has(path),
        isEmpty: (path) => paths.has(path) && ![...paths].some((other) => other.startsWith(`${path}/`)),
        replaced: (path) => path.endsWith('bridge'),
        remove: (path) => void paths.delete(path),
      },
      paths: ['/opt/cni/bin/bridge', '/run/podroute'],
      ...{ dryRun: false, withPods: false },
      ...more,
    })
  return { kernel, paths, cleanup }
}

const state = async ({ kernel, paths }: Awaited<ReturnType<typeof usedNode>>) => ({
  links: (await kernel.links.list()).map(({ name }) => name),
  vips: (await kernel.routes.list({ table: 255, protocol: 179 })).length,
  conflists: [await kernel.files.read(CONFLIST), await kernel.files.read('/etc/cni/net.d/99-other.conflist')],
  sysctls: ['net/ipv4/ip_forward', 'net/ipv4/conf/all/arp_ignore'].map((name) => kernel.sysctls.read(name)),
  paths: [...paths],
})

describe('cleanup', () => {
  it('takes what is ours, leaves what is others’, and finds nothing when it is asked again', async () => {
    const node = await usedNode()
    const { items, refused } = await node.cleanup()
    expect(refused).to.deep.equal([])
    expect(items.map(({ outcome }) => outcome))
      .to.include('removed')
      .and.not.include('left')
    const left = await state(node)
    expect(left.links).not.to.include('kube-bridge')
    expect({ ...left, links: [] }).to.deep.equal({
      ...{ links: [], vips: 0, conflists: [undefined, '{}'], sysctls: ['0', '0'], paths: [] },
    })
    expect((await node.cleanup()).items).to.deep.equal([])
  })

  it('takes folders of the CNI in which nothing is left, and no others', async () => {
    const node = await usedNode()
    for (const path of ['/var/lib/cni', '/var/lib/cni/networks', '/var/lib/cni/networks/podroute'])
      node.paths.add(path)
    await node.cleanup()
    expect([...node.paths]).to.deep.equal([])
    const shared = await usedNode()
    for (const path of ['/var/lib/cni', '/var/lib/cni/networks', '/var/lib/cni/networks/other'])
      shared.paths.add(path)
    await shared.cleanup()
    expect([...shared.paths]).to.have.length(3)
  })

  it('touches nothing with dryRun, and names what it would take', async () => {
    const node = await usedNode()
    const before = await state(node)
    const { items } = await node.cleanup({ dryRun: true })
    expect(await state(node)).to.deep.equal(before)
    expect(items.map(({ key }) => key)).to.include.members([
      '10.96.0.10',
      'kube-bridge',
      CONFLIST,
      '/run/podroute',
    ])
    expect(items.every(({ outcome }) => outcome === 'to-remove')).to.equal(true)
  })

  it('refuses while pods hang on the bridge, but with withPods', async () => {
    const node = await usedNode()
    const bridge = await node.kernel.links.get('kube-bridge')
    const port = await node.kernel.links.add({ kind: 'dummy', name: 'pod0' })
    await node.kernel.links.set(port.index, { master: bridge!.index })
    const before = await state(node)
    expect((await node.cleanup()).refused.join()).to.include('1 pod hangs on kube-bridge')
    expect(await state(node)).to.deep.equal(before)
    expect((await node.cleanup({ withPods: true })).refused).to.deep.equal([])
    expect((await state(node)).conflists[0]).to.equal(undefined)
  })

  it('keeps a parameter that somebody else has set since, and those of another boot', async () => {
    const node = await usedNode()
    node.kernel.sysctls.write('net/ipv4/conf/all/arp_ignore', '2')
    const kept = (await node.cleanup()).items.filter(({ outcome }) => outcome === 'kept')
    expect(kept.map(({ key }) => key)).to.deep.equal(['net/ipv4/conf/all/arp_ignore'])
    expect((await state(node)).sysctls).to.deep.equal(['0', '2'])
    const other = await usedNode()
    await other.cleanup({ bootId: 'boot-2' })
    expect((await state(other)).sysctls).to.deep.equal(['1', '1'])
  })

  it('notes what a parameter was before the first agent of a boot, whatever later ones set', () => {
    const { sysctls } = new FakeKernel()
    const former = store()
    notingFormer(sysctls, former, BOOT).write('net/ipv4/ip_forward', '1')
    const next = notingFormer(sysctls, former, BOOT)
    next.write('net/ipv4/ip_forward', '1')
    next.write('net/ipv4/vs/run_estimation', '1')
    expect(former.kept.value).to.deep.equal({
      bootId: BOOT,
      values: [{ name: 'net/ipv4/ip_forward', former: '0', ours: '1' }],
    })
  })
})
