import { expect } from 'chai'
import { parseFlags } from '../config/flags.ts'
import { shownConfig } from '../config/values.ts'
import { FEATURES } from '../features.ts'
import { configzPage } from './configz.ts'
import { statuszPage } from './statusz.ts'

const started = new Date('2026-11-30T08:00:00.250Z')
const source = {
  version: '1.2.3',
  started,
  uptime: () => 3723.9,
  paths: ['/configz', '/metrics', '/statusz'],
}
const statusz = async (accept?: string) =>
  (await statuszPage(source)('/statusz', accept === undefined ? {} : { accept }))!

describe('/statusz', () => {
  it('says for people which program this is, since when it runs and what else there is', async () => {
    for (const accept of [undefined, '*/*', 'text/plain; charset=utf-8', 'text/html, text/*;q=0.5']) {
      const { status, type, body } = await statusz(accept)
      expect([status, type]).to.deep.equal([200, 'text/plain; charset=utf-8'])
      expect(body.split('\n').slice(1, 2)).to.deep.equal(['podroute statusz'])
      expect(body).to.include('Started: Mon, 30 Nov 2026 08:00:00 GMT\nUp: 1 hr 02 min 03 sec\n')
      expect(body).to.include('Binary version: 1.2.3\nPaths: /configz /metrics /statusz\n')
    }
  })

  it('is an object of the API for who asks for that', async () => {
    const { type, body } = await statusz('application/json;v=v1alpha1;g=config.k8s.io;as=Statusz')
    expect(type).to.equal('application/json')
    expect(JSON.parse(body)).to.deep.equal({
      ...{ kind: 'Statusz', apiVersion: 'config.k8s.io/v1alpha1', metadata: { name: 'podroute' } },
      ...{ startTime: '2026-11-30T08:00:00Z', uptimeSeconds: 3723, goVersion: '', binaryVersion: '1.2.3' },
      paths: ['/configz', '/metrics', '/statusz'],
    })
  })

  it('is nothing else, and at no other path', async () => {
    for (const accept of ['application/json', 'application/json;v=v9;g=config.k8s.io;as=Statusz'])
      expect((await statusz(accept)).status, accept).to.equal(406)
    expect(statuszPage(source)('/metrics', {})).to.equal(undefined)
  })
})

describe('/configz', () => {
  const sections = FEATURES.map(({ section }) => section)
  const overrides = parseFlags(['--node-name', 'n', '--bgp-port=1790'], {}, sections).overrides
  const page = async (text: string) =>
    (await configzPage(() => shownConfig(text, overrides, FEATURES))('/configz'))!.body

  it('has what the file says, what flags say instead, and defaults', async () => {
    const { podroute } = JSON.parse(await page('asn: 65001'))
    expect(podroute).to.deep.include({ asn: 65001, peers: [] })
    expect(podroute.bgp).to.deep.include({ port: 1790, holdTimeSeconds: 90 })
  })

  it('hides what is secret', async () => {
    const body = await page('peers: [{address: 192.0.2.1, asn: 65000, password: hunter2}]')
    expect(body).to.include('"password":"(hidden)"').and.not.include('hunter2')
  })
})
