/** A node for tests of Resources: a network namespace with an opened kernel. */
import { openKernel } from '@podroute/kernel/open.ts'
import { TestNetns } from './linux-support.ts'

/** A namespace with an uplink to 172.31.0.0/24 and fd31::/64, and what follows it. */
export async function testNode(name: string) {
  const netns = await TestNetns.create(`node-${name}`)
  await netns.veth('eth0', '172.31.0.11/24', 'fd31::11/64')
  const kernel = openKernel({ netns: netns.path })
  const { changes, nft, nextHops } = kernel
  const close = async () => {
    kernel[Symbol.dispose]()
    netns[Symbol.dispose]()
  }
  return { ...netns, netns, changes, nft, nextHops, [Symbol.asyncDispose]: close }
}

export type TestedNode = Awaited<ReturnType<typeof testNode>>

/** The resource, which takes its namespace with it. */
export function inside<T extends object>(owner: AsyncDisposable, resource: T): T & AsyncDisposable {
  return Object.assign(resource, { [Symbol.asyncDispose]: () => owner[Symbol.asyncDispose]() })
}
