import { type IncomingMessage, request } from 'node:http'
import { ManualClock } from '@podroute/reconcile/testing/manual-clock.ts'
import { expect } from 'chai'
import type { Message } from '../model/report.ts'
import { agentReport, clusterReport } from '../model/summary.ts'
import { Feed, type Source } from './feed.ts'
import { serveUi, type UiServer } from './server.ts'

const PAGE = '<html><style>a{}</style><script>1</script></html>'
const PAGES: Readonly<Record<string, unknown>> = {
  '/status': { nodeName: 'node-1', version: '1', ready: true, conditions: [], summary: [['peers', '1']] },
  '/peers': { peers: [{ name: 'node-2', kind: 'node', address: 'x', asn: 64512, state: 'idle', more: 1 }] },
  '/nodes': {
    nodes: [
      { name: 'node-1', kind: 'this node', podCIDRs: [], addresses: [], state: 'in-place', reasons: [] },
    ],
  },
}

describe('the page’s server', () => {
  let clock: ManualClock
  let pages: Record<string, unknown>
  let feed: Feed
  let server: UiServer
  let url: URL

  const source: Source = {
    scope: 'node',
    agents: async () => [{ node: 'node-1' }],
    async whole() {
      const ask = (path: string) => source.ask('node-1', path)
      return { agent: await agentReport(ask), cluster: await clusterReport(ask) }
    },
    async ask(_node, path) {
      if (!(path in pages)) throw new Error(`no page ${path}`)
      return pages[path]
    },
  }
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; body: string; headers: Record<string, unknown> }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: url.port, path, method, headers }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text
        })
        response.on('end', () => resolve({ status: response.statusCode!, body, headers: response.headers }))
      })
      sent.on('error', reject).end()
    })
  const enter = async () => {
    const { headers } = await get(`/${url.search}`)
    return { cookie: String(headers['set-cookie']).split(';')[0]! }
  }
  const round = async () => {
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  beforeEach(async () => {
    clock = new ManualClock()
    pages = { ...PAGES }
    feed = new Feed({ source, clock, wall: () => 5 })
    server = await serveUi({ page: PAGE, feed, port: 0 })
    url = new URL(server.url)
  })
  afterEach(async () => {
    feed[Symbol.dispose]()
    await server[Symbol.asyncDispose]()
  })

  it('is at loopback, and shows the page to whoever has the address that is printed', async () => {
    expect(url.hostname).to.equal('127.0.0.1')
    const { status, headers } = await get(`/${url.search}`)
    expect([status, headers.location]).to.deep.equal([303, '/'])
    expect(String(headers['set-cookie'])).to.match(/HttpOnly; SameSite=Strict/)
    const page = await get('/', await enter())
    expect([page.status, page.body]).to.deep.equal([200, PAGE])
    // sha256 of `1`.
    expect(page.headers['content-security-policy']).to.include(
      "default-src 'none'; script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='",
    )
  })

  it('answers nobody else', async () => {
    const cookie = await enter()
    for (const path of ['/', '/?token=guess', '/api/stream', '/api/ask?node=node-1&path=/status'])
      expect((await get(path)).status, path).to.equal(403)
    expect((await get('/', { ...cookie, host: 'evil.example' })).status).to.equal(403)
    expect((await get('/', { ...cookie, origin: 'http://evil.example' })).status).to.equal(403)
    expect((await get('/', cookie, 'POST')).status).to.equal(405)
    expect((await get('/other', cookie)).status).to.equal(404)
  })

  it('asks agents for the page, and says why one does not answer', async () => {
    const cookie = await enter()
    const asked = await get('/api/ask?node=node-1&path=/status', cookie)
    expect(JSON.parse(asked.body)).to.deep.equal(PAGES['/status'])
    expect(await get('/api/ask?node=node-1&path=/none', cookie)).to.deep.include({
      status: 502,
      body: 'no page /none\n',
    })
  })

  it('tells all there is, and then only what changed', async () => {
    const told: Message[] = []
    feed.subscribe((message) => told.push(message))
    feed.start()
    await round()
    expect(told.map(({ kind }) => kind)).to.deep.equal(['all', 'agent', 'cluster'])
    expect(told[1]).to.have.nested.property('report.sessions[0].asn', '64512')
    await round()
    expect(told).to.have.length(3)
    pages['/peers'] = { peers: [] }
    await round()
    expect(told.at(-1)).to.deep.equal({
      kind: 'changes',
      changes: [{ at: 5, node: 'node-1', kind: 'news', text: 'no session with node-2 any more' }],
    })
    delete pages['/status']
    await round()
    expect(told.at(-2)).to.have.nested.property('report.error', 'no page /status')
    const late: Message[] = []
    feed.subscribe((message) => late.push(message))
    expect(late[0]).to.have.property('changes').with.length(2)
  })

  it('goes on telling who listens by HTTP', async () => {
    const headers = await enter()
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: url.port, path: '/api/stream', headers }, resolve)
      sent.on('error', reject).end()
    })
    feed.start()
    let text = ''
    for await (const more of response.setEncoding('utf8')) {
      text += more
      if (text.includes('"kind":"changes"')) break
      if (!text.includes('"kind":"cluster"')) continue
      pages['/peers'] = { peers: [] }
      await round()
    }
    expect(text)
      .to.match(/^data: {"kind":"all".*\n\ndata: /)
      .and.include('no session with node-2')
  })
})
