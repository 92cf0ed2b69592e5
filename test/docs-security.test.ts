/** docs/security.md says what is true: its configuration is taken, the tests that it names are there. */
import { existsSync, readFileSync } from 'node:fs'
import { loadConfig } from '@podroute/agent/config/load.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { expect } from 'chai'
import { makeCertificate } from './support/certificates.ts'

const TEXT = readFileSync('docs/security.md', 'utf8')
const FLAGS = { configFile: 'config.yaml', overrides: [], nodeAddresses: ['172.30.0.11'] }

describe('docs/security.md', () => {
  it('shows a configuration that the agent takes', () => {
    const blocks = [...TEXT.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)
    expect(blocks).to.have.length(1)
    const { cert, key } = makeCertificate('metrics')
    const files: Readonly<Record<string, string>> = {
      'config.yaml': blocks[0]!,
      '/etc/podroute-secrets/router': 'x',
      '/etc/podroute-secrets/mesh': 'y',
      '/etc/podroute-metrics/tls.crt': cert,
      '/etc/podroute-metrics/tls.key': key,
    }
    const config = loadConfig(FLAGS, FEATURES, (path) => files[path] ?? expect.fail(`it reads ${path}`))
    expect(config.metrics.tokenReview).to.equal(true)
  })

  it('names files that are there', () => {
    const named = [...TEXT.matchAll(/`((?:test|packages|deploy)\/[\w./-]+)`/g)].map(([, path]) => path!)
    expect(named.length).to.be.above(20)
    expect(named.filter((path) => !existsSync(path))).to.deep.equal([])
  })

  it('has a row for each attack that was tried', () => {
    const rows = [...TEXT.matchAll(/^\| +([A-P]) +\|/gm)].map(([, letter]) => letter)
    expect(rows.join('')).to.equal('ABCDEFGHIJKLMNOP')
  })
})
