/** The network of agents in namespaces: what happens to some of it says nothing to the others. */
import { expect } from 'chai'
import { run } from '../../lab/command.ts'
import { joinNetwork, makeNetwork, removeNetwork, type TestNode } from '../support/agent-network.ts'

const NETWORK = 'pr-agent-net'
/** Lower than those that the kernel chooses. */
const LOW_MAC = '02:00:00:00:00:00'

describe('the network of agents', () => {
  let node: TestNode
  before(async () => {
    await makeNetwork(NETWORK)
    node = await joinNetwork(NETWORK, 1)
  })
  after(() => removeNetwork(NETWORK, node ? [node] : []))

  it('has its API server at one MAC, whatever ports come and go', async () => {
    const ip = (...args: readonly string[]) => run('ip', ['-n', NETWORK, ...args])
    const mac = async () => /ether (\S+)/.exec(await ip('link', 'show', 'nodes'))?.[1]
    const macs = [await mac()]
    await ip('link', 'add', 'port9', 'address', LOW_MAC, 'type', 'veth', 'peer', 'name', 'port9-p')
    await ip('link', 'set', 'port9', 'master', 'nodes', 'up')
    macs.push(await mac())
    await ip('link', 'delete', 'port9')
    macs.push(await mac())
    expect(macs).not.to.include(undefined)
    expect(new Set(macs)).to.have.length(1)
  })
})
