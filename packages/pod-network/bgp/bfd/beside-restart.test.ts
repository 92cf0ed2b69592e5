import { expect } from 'chai'
import { besideRestart } from './beside-restart.ts'

type Peer = Parameters<typeof besideRestart>[0][number]

describe('BFD beside graceful restart', () => {
  const restart = { time: 120, restarting: false, notification: true, forwarding: [] }
  const peer = (name: string, more: object): Peer => ({ name, kind: 'external', ...more }) as Peer
  const bfd = { state: 'up' }
  const both = { bfd, capabilities: { gracefulRestart: restart } }

  it('is said of the routers that have both, and of no node (A13)', () => {
    const peers = [
      peer('192.0.2.1', both),
      peer('192.0.2.2', { bfd, capabilities: {} }),
      peer('192.0.2.3', { capabilities: { gracefulRestart: restart } }),
      peer('192.0.2.4', { bfd }),
      peer('fd31::1', both),
      peer('node-2', { ...both, kind: 'node' }),
    ]
    expect(besideRestart(peers)).to.deep.equal([
      [
        'BFD beside graceful restart',
        '192.0.2.1, fd31::1: routers differ in what a restart costs, see docs/routers.md',
      ],
    ])
  })

  it('is not said where there is none', () => {
    expect(besideRestart([peer('192.0.2.2', { bfd, capabilities: {} })])).to.deep.equal([])
  })
})
