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

  it('follows agents that can be followed, tells news at once, and says when one is not heard any more', async () => {
    const whole = await source.whole('node-1')
    const heard = new Map<string, (report: typeof whole) => void>()
    const ends: ((error: Error) => void)[] = []
    let asked = 0
    const followed: Source = {
      ...source,
      async whole() {
        asked++
        return whole
      },
      follow: (node, signal, told) =>
        new Promise((_, reject) => {
          heard.set(node, told)
          ends.push(reject)
          signal.addEventListener('abort', () => reject(new Error('ended')))
        }),
    }
    using following = new Feed({ source: followed, clock, wall: () => 5 })
    const told: Message[] = []
    following.subscribe((message) => told.push(message))
    following.start()
    await round()
    await round()
    expect([heard.size, asked]).to.deep.equal([1, 0])
    heard.get('node-1')!(whole)
    expect(told.map(({ kind }) => kind)).to.deep.equal(['all', 'agent', 'cluster'])
    pages['/peers'] = { peers: [] }
    heard.get('node-1')!(await source.whole('node-1'))
    expect(told.at(-1)).to.have.nested.property('changes[0].text', 'no session with node-2 any more')
    ends[0]!(new Error('the pod is gone'))
    await round()
    expect(told.at(-2)).to.have.nested.property('report.error', 'the pod is gone')
    expect(ends).to.have.length(2)
  })

  it('asks agents that cannot be followed', async () => {
    const former: Source = { ...source, follow: () => Promise.reject(new Error('unknown option')) }
    using asking = new Feed({ source: former, clock, wall: () => 5 })
    const told: Message[] = []
    asking.subscribe((message) => told.push(message))
    asking.start()
    await round()
    await round()
    expect(told.map(({ kind }) => kind)).to.deep.equal(['all', 'agent', 'cluster'])
    expect(told[1]).to.have.nested.property('report.version', '1')
  })

  it('asks in turn where agents are many', async () => {
    const names = Array.from({ length: 17 }, (_, i) => ({ node: `node-${i}` }))
    const asked: string[] = []
    const many: Source = {
      ...source,
      agents: async () => names,
      async whole(node) {
        asked.push(node)
        return source.whole(node)
      },
      follow: () => Promise.reject(new Error('nobody is followed')),
    }
    using asking = new Feed({ source: many, clock, wall: () => 5 })
    asking.start()
    await round()
    expect(new Set(asked)).to.have.keys(names.map(({ node }) => node))
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
