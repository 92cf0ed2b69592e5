/** What the agent may do on its node, as the kernel says of its process. */
import { expect } from 'chai'
import { agents, inAgent } from './lab.ts'

const CAPABILITIES = { CAP_NET_BIND_SERVICE: 10, CAP_NET_ADMIN: 12 }
const MASK = Object.values(CAPABILITIES).reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n)

export function privileges(): void {
  describe('the agent’s process', () => {
    it('has the capabilities that it needs and no other, a system call filter, and cannot gain any', async () => {
      for (const agent of await agents()) {
        const status = await inAgent(agent, 'cat', '/proc/1/status')
        const field = (name: string) => new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)?.[1]
        for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
          expect(BigInt(`0x${field(set)}`), `${agent.node} ${set}`).to.equal(MASK)
        expect(field('CapAmb'), agent.node).to.match(/^0+$/)
        expect({ noNewPrivileges: field('NoNewPrivs'), seccomp: field('Seccomp') }).to.deep.equal({
          noNewPrivileges: '1',
          seccomp: '2',
        })
      }
    })

    it('writes the node’s network parameters, and no other of its kernel or of its image', async () => {
      const [agent] = await agents()
      const write = (path: string) => `echo 1 > ${path} && echo written || echo refused`
      const files = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/sysrq', '/opt/podroute/x', '/tmp/x']
      for (const path of files)
        expect(await inAgent(agent!, 'sh', '-c', write(path)), path).to.include('refused')
      expect(await inAgent(agent!, 'cat', '/proc/sys/net/ipv4/ip_forward')).to.equal('1\n')
      const mounted = '/host/proc/sys/net/ipv4/ip_forward'
      expect(await inAgent(agent!, 'sh', '-c', write(mounted))).to.include('written')
    })

    it('sees no credentials of its node', async () => {
      const [agent] = await agents()
      const looked = await inAgent(
        agent!,
        'sh',
        '-c',
        'ls /host; ls /run/podroute-node; cat /run/podroute-node/*',
      )
      expect(looked).to.match(/^proc\nkubeconfig\n/)
      expect(looked)
        .to.include('https://')
        .and.not.match(/-data|token|client-|certificate/)
    })
  })
}
