import type { Answer } from '@podroute/feature/listener.ts'
import { expect } from 'chai'
import { type ProxyHealth, proxyHealthPages } from './proxy-health.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const BEFORE = new Date('2026-01-02T03:00:00Z')

describe('health pages of the proxy', () => {
  const counted: string[] = []
  const ask = (path: string, health: Partial<ProxyHealth> = {}) => {
    const source = {
      health: () => ({ healthy: true, eligible: true, lastUpdated: BEFORE, ...health }),
      answered: (page: string, status: number) => void counted.push(`${page} ${status}`),
    }
    return proxyHealthPages(source, () => NOW)(path) as Answer | undefined
  }

  it('say when the kernel was last up to date, and whether load balancers may use the node', () => {
    const { status, body, type } = ask('/healthz')!
    expect([status, type]).to.deep.equal([200, 'application/json'])
    expect(body).to.equal(
      '{"lastUpdated":"2026-01-02T03:04:05.678Z","currentTime":"2026-01-02T03:04:05.678Z","nodeEligible":true}',
    )
    expect(ask('/livez')?.body).to.equal(
      '{"lastUpdated":"2026-01-02T03:04:05.678Z","currentTime":"2026-01-02T03:04:05.678Z"}',
    )
  })

  it('fail where changes do not reach the kernel', () => {
    for (const path of ['/healthz', '/livez']) {
      const { status, body } = ask(path, { healthy: false })!
      expect([status, JSON.parse(body).lastUpdated]).to.deep.equal([503, BEFORE.toISOString()])
    }
  })

  it('fail on a node that goes, /livez excepted', () => {
    expect(ask('/healthz', { eligible: false })).to.include({ status: 503 })
    expect(ask('/healthz', { eligible: false })?.body).to.include('"nodeEligible":false')
    expect(ask('/livez', { eligible: false })).to.include({ status: 200 })
  })

  it('are no others, and are counted', () => {
    counted.length = 0
    expect(ask('/readyz')).to.equal(undefined)
    ask('/healthz', { eligible: false })
    ask('/livez')
    expect(counted).to.deep.equal(['healthz 503', 'livez 200'])
  })
})
