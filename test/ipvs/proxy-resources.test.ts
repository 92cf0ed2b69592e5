import { execFileSync } from 'node:child_process'
import type { Kernel } from '@podroute/kernel/kernel.ts'
import { tableScript } from '@podroute/kernel/nft/definition.ts'
import { elementKey } from '@podroute/kernel/nft/element.ts'
import { SetElementResource } from '@podroute/kernel/nft/element-resource.ts'
import { NftTableResource, TABLE } from '@podroute/kernel/nft/table-resource.ts'
import { openKernel } from '@podroute/kernel/open.ts'
import {
  type ContractKernel,
  describeDestinations,
  describeLocalRoutes,
  describeVirtualServers,
} from '@podroute/kernel/testing/resource-contracts.ts'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { describeResource, listed } from '@podroute/reconcile/testing/contract.ts'
import { loadModules } from '@podroute/service-proxy/modules.ts'
import { markElement, portElement, SETS, TABLE_NAME } from '@podroute/service-proxy/rules/sets.ts'
import { isOfAffinity, SERVICE_TABLE } from '@podroute/service-proxy/rules/table.ts'
import { expect } from 'chai'

const NETNS = 'pr-proxy-resources'

function freshKernel(): Kernel & AsyncDisposable {
  removeNetns(NETNS)
  createNetns(NETNS)
  // A namespace has no local routing table before its loopback is up, and IPVS no endpoint then.
  execFileSync('ip', ['-n', NETNS, 'link', 'set', 'lo', 'up'])
  const kernel = openKernel({ netns: NETNS })
  return Object.assign(kernel, {
    async [Symbol.asyncDispose]() {
      kernel[Symbol.dispose]()
      removeNetns(NETNS)
    },
  })
}

/** The resource, which takes the kernel with it when the suite is done with it. */
function withKernel<T extends object>(kernel: AsyncDisposable, resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => kernel[Symbol.asyncDispose]() })
}

/** What a kernel's own sockets change is no news to it: another one listens. */
function watchedKernel(): ContractKernel {
  const kernel = freshKernel()
  const listener = openKernel({ netns: NETNS })
  return {
    ...{ ipvs: kernel.ipvs, routes: kernel.routes, changes: listener.changes },
    async [Symbol.asyncDispose]() {
      listener[Symbol.dispose]()
      await kernel[Symbol.asyncDispose]()
    },
  }
}

describeVirtualServers('virtual servers', watchedKernel)
describeDestinations('destinations', watchedKernel)
describeLocalRoutes('VIPs', watchedKernel)

const elements = [
  portElement('service-ports', 4, '10.96.0.1', 'tcp', 80),
  portElement('service-ports', 6, 'fd10:96::1', 'udp', 53),
  { set: 'service-pods-4', element: '10.244.0.0/16' },
  { set: 'service-vips-6', element: 'fd10:96::1' },
  { set: 'service-hairpin-4', element: '10.244.1.2 . 10.244.1.2' },
  markElement(6, 'fd10:96::1', 'sctp', 80, 0x5d00_0001),
  { set: 'service-ranges-4', element: '10.96.0.1 . tcp . 80 . 192.0.2.0/24' },
  { set: 'service-ranges-4', element: '10.96.0.1 . tcp . 80 . 198.51.100.7' },
]

describeResource(
  'set elements',
  async () => {
    const kernel = freshKernel()
    await kernel.nft.run(tableScript(SERVICE_TABLE))
    return withKernel(kernel, new SetElementResource(kernel.nft, TABLE_NAME, SETS))
  },
  {
    entries: elements.map((element) => [elementKey(element), element] as const),
    replacement: elements[0]!,
    refused: ['service-vips-4 nonsense', { set: 'service-vips-4', element: '300.1.1.1' }],
  },
)

describe('the kernel modules of the proxy', () => {
  it('are all there once they were asked for', async () => {
    await using kernel = freshKernel()
    expect([...(await loadModules(kernel))]).to.deep.equal([])
  })
})

describe('the rules of the proxy', () => {
  const kernels: AsyncDisposable[] = []
  afterEach(async () => {
    for (const kernel of kernels.splice(0)) await kernel[Symbol.asyncDispose]()
  })
  const add = { kind: 'add', key: TABLE, value: SERVICE_TABLE } as const
  const rulesOf = (kernel: Kernel) =>
    new NftTableResource(kernel.nft, TABLE_NAME, { isForOneObject: isOfAffinity })
  async function loaded() {
    const kernel = freshKernel()
    kernels.push(kernel)
    const rules = rulesOf(kernel)
    expect(await rules.apply([add])).to.deep.equal([{ ok: true }])
    return { kernel, rules }
  }
  async function areWanted(rules: NftTableResource) {
    const found = [...(await listed(rules)).values()]
    return found.length === 1 && rules.equal(found[0]!, SERVICE_TABLE)
  }

  it('are recognized after a restart', async () => {
    const { kernel } = await loaded()
    expect(await areWanted(rulesOf(kernel))).to.equal(true)
  })

  it('are recognized beside the chains of a short affinity', async () => {
    const { kernel, rules } = await loaded()
    await kernel.nft.run('add chain inet podroute-service-proxy affinity-tcp-10.96.0.1-80\n')
    expect(await areWanted(rules)).to.equal(true)
  })

  it('keep the elements of sets when they are loaded again', async () => {
    const { kernel, rules } = await loaded()
    await kernel.nft.run('add element inet podroute-service-proxy service-vips-4 { 10.96.0.1 }\n')
    await rules.apply([add])
    const listing = JSON.stringify(await kernel.nft.listJson(`list set inet ${TABLE_NAME} service-vips-4`))
    expect(listing).to.include('10.96.0.1')
  })

  it('are found changed when somebody added, removed or flushed rules', async () => {
    for (const command of [
      'add rule inet podroute-service-proxy service-snat counter',
      'flush chain inet podroute-service-proxy service-filter',
      'delete map inet podroute-service-proxy service-affinity-numbers-4',
      'delete table inet podroute-service-proxy',
    ]) {
      const { kernel, rules } = await loaded()
      await kernel.nft.run(`${command}\n`)
      expect(await areWanted(rules), command).to.equal(false)
    }
  })

  it('go without a trace', async () => {
    const { kernel, rules } = await loaded()
    await rules.apply([{ kind: 'remove', key: TABLE, previous: SERVICE_TABLE }])
    expect(await kernel.nft.listJson('list tables')).to.deep.equal([])
  })
})
