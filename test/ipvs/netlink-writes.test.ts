import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createNetns, removeNetns } from '@podroute/linux/netns.ts'
import { expect } from 'chai'
import { buildTools } from '../../lab/tools/build.ts'

const NETNS = 'pr-writes'

/** What the tool that the benchmarks count writes with says of some commands. */
async function writesOf(...commands: readonly string[]): Promise<number> {
  const tool = await buildTools()
  const counter = spawn('ip', ['netns', 'exec', NETNS, tool, 'writes', 'monitor'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  counter.stdout.on('data', (data: Buffer) => {
    text += data.toString()
  })
  await once(counter.stdout, 'data')
  for (const command of commands) execFileSync('ip', ['netns', 'exec', NETNS, 'sh', '-ec', command])
  counter.stdin.end()
  const [code] = await once(counter, 'close')
  expect(code).to.equal(0)
  return Number(text.trim().split('\n').at(-1))
}

describe('the count of netlink writes', () => {
  before(() => {
    createNetns(NETNS)
    const ip = (...args: string[]) => execFileSync('ip', ['-n', NETNS, ...args])
    ip('link', 'set', 'lo', 'up')
    ip('link', 'add', 'monitor', 'type', 'nlmon')
    ip('link', 'set', 'monitor', 'up')
  })
  after(() => removeNetns(NETNS))

  it('has one for each route, address, nftables transaction and IPVS command', async () => {
    expect(await writesOf('ip address add 192.0.2.1/24 dev lo')).to.equal(1)
    expect(await writesOf('ip route add 198.51.100.0/24 dev lo; ip route del 198.51.100.0/24')).to.equal(2)
    expect(await writesOf('nft "add table inet counted; add chain inet counted one"')).to.equal(1)
    expect(await writesOf('ipvsadm -A -t 192.0.2.1:80 -s rr')).to.equal(1)
    expect(await writesOf('ipvsadm -a -t 192.0.2.1:80 -r 192.0.2.2:80 -m')).to.equal(1)
  })

  it('has none for what only reads', async () => {
    expect(await writesOf('ip route; ip address; nft list ruleset; ipvsadm -L -n')).to.equal(0)
  })
})
