/** Interfaces that other service proxies leave behind, with the addresses of the Services on them. */
import type { LeftOver } from '@podroute/kernel/addresses/host-addresses.ts'
import { service, slice } from '@podroute/service-proxy/testing/objects.ts'
import { expect } from 'chai'
import { eventually } from '../support/eventually.ts'
import { A4, A6, type Network } from './support/network.ts'
import { sharedNetwork, startProxy } from './support/shared-network.ts'

const WEB = ['10.96.0.70', 'fd10:96::70']
const LATER = ['10.96.0.71', 'fd10:96::71']

describe('interfaces that another service proxy left behind', () => {
  const stack = new AsyncDisposableStack()
  let network: Network

  before(async () => {
    network = await sharedNetwork()
    stack.defer(
      async () => void (await node('ip link del kube-ipvs0; ip link del kube-dummy-if').catch(() => {})),
    )
  })
  after(() => stack.disposeAsync())

  const node = (script: string) => network.exec('node', 'sh', '-ec', script)

  it('refuse no Service, are said with what to do, and their end takes nothing with it', async () => {
    const [web4, web6] = WEB
    await node(
      `ip link add kube-ipvs0 type dummy; ip addr add ${web4}/32 dev kube-ipvs0; ip addr add ${web6}/128 dev kube-ipvs0
       ip link add kube-dummy-if type dummy; ip link set kube-dummy-if up; ip addr add ${LATER[0]}/32 dev kube-dummy-if
       ip addr add ${LATER[1]}/128 dev kube-dummy-if nodad`,
    )
    const problems: string[] = []
    let found: readonly LeftOver[] = []
    const proxy = await startProxy(stack, network, {
      onProblem: ({ code, detail }) => problems.push(`${code} ${detail}`),
      onLeftOvers: (leftOvers) => {
        found = leftOvers
      },
    })
    for (const [name, clusterIPs] of Object.entries({ 'left-web': WEB, 'left-later': LATER })) {
      proxy.upsertService(service(name, { clusterIPs }))
      proxy.upsertSlice(slice(name, [A4]))
      proxy.upsertSlice(slice(name, [A6]))
    }
    await proxy.flush()
    expect(problems).to.deep.equal([])
    expect(found.map((leftOver) => [leftOver.interface, leftOver.program])).to.deep.equal([
      ['kube-ipvs0', 'kube-proxy'],
      ['kube-dummy-if', 'kube-router'],
    ])
    const answers = async () => {
      const questions = [...WEB, ...LATER].flatMap((address) =>
        [network.node, network.podB, network.client].map(async (host) => {
          const answer = await host.tcp(address, 80).catch((error: Error) => error.message)
          return answer.startsWith('a ') ? [] : [`${host.name} to ${address}: ${answer}`]
        }),
      )
      return (await Promise.all(questions)).flat()
    }
    const answered = () => eventually(async () => expect(await answers()).to.deep.equal([]), 20_000)
    await answered()
    await node('ip link del kube-ipvs0; ip link del kube-dummy-if')
    await eventually(() => Promise.resolve(found.length === 0))
    await answered()
    expect(await proxy.audit()).to.satisfy((drifts: ReadonlyMap<string, readonly unknown[]>) =>
      [...drifts.values()].every((drift) => drift.length === 0),
    )
  })
})
