import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { AgentCluster, agentConfig } from '../support/agent-cluster.ts'
import type { TestNode } from '../support/agent-network.ts'
import { eventually } from '../support/eventually.ts'

const USER = 'system:serviceaccount:kube-system:podroute'
const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', users: [USER] }, { level: 'None' }],
}

const CRD = new URL('../../deploy/clusternetworkpolicies.yaml', import.meta.url).pathname

/** What is followed before anything is known. */
const AT_FIRST = [
  'nodes',
  'services',
  'endpointslices',
  'servicecidrs',
  'networkpolicies',
  'clusternetworkpolicies',
]
const KINDS = [...AT_FIRST, 'namespaces', 'pods']

interface AuditEvent {
  readonly verb: string
  readonly requestURI: string
  readonly objectRef?: { readonly resource: string; readonly subresource?: string }
  readonly responseStatus?: { readonly code: number }
}

interface Rule {
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

describe("an agent with the rights of deploy/podroute.yaml's ServiceAccount", function () {
  this.timeout(60_000)
  let cluster: AgentCluster
  let node: TestNode
  let auditLog: string
  let rules: readonly Rule[]

  const requests = async (): Promise<{ what: string; code: number }[]> => {
    const lines = (await readFile(auditLog, 'utf8')).split('\n').filter((line) => line !== '')
    return lines.map((line) => {
      const event = JSON.parse(line) as AuditEvent
      const { resource = event.requestURI, subresource } = event.objectRef ?? {}
      const what = `${event.verb} ${resource}${subresource ? `/${subresource}` : ''}`
      return { what, code: event.responseStatus?.code ?? 0 }
    })
  }
  const watches = async () => (await cluster.ask(node, '/status')).watches
  const followed = async () => (await watches()).filter((w) => w.connected).map((w) => w.name)
  const setRules = (wanted: readonly Rule[]) =>
    cluster.kubectl(
      'patch',
      'clusterrole',
      'podroute',
      '--type=merge',
      '-p',
      JSON.stringify({ rules: wanted }),
    )
  const may = async (verb: string, resource: string) =>
    (await cluster.control.kubectl(['auth', 'can-i', verb, resource, `--as=${USER}`])).stdout.trim() === 'yes'
  const start = async (token: string, more = '') => {
    await cluster.killAgent(node)
    const config = agentConfig(cluster.conflist(node), more)
    await cluster.startAgent(node, config, { serviceProxy: true, asPod: { token } })
  }

  before(async () => {
    cluster = await AgentCluster.start('roles')
    const policy = join(cluster.directory, 'audit.json')
    auditLog = join(cluster.directory, 'audit.log')
    await writeFile(policy, JSON.stringify(AUDIT_POLICY))
    await cluster.stopComponent('kube-apiserver')
    const flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog}`]
    await cluster.startComponent('kube-apiserver', ...flags)
    node = await cluster.addNamespace()
    await cluster.registerNode(node)
    await cluster.kubectl('create', 'service', 'clusterip', 'odd', '--tcp=80')
    await cluster.kubectl('annotate', 'service', 'odd', 'podroute.io/service.scheduler=best')
    await cluster.kubectl('apply', '--server-side', '-f', CRD)
    // Pods and namespaces are followed only where there is a policy.
    const spec = { podSelector: {} }
    const metadata = { namespace: 'default', name: 'some' }
    await cluster.apply({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec })
    await cluster.apply({
      ...{ apiVersion: 'policy.networking.k8s.io/v1alpha2', kind: 'ClusterNetworkPolicy' },
      metadata: { name: 'some' },
      spec: { tier: 'Admin', priority: 1, subject: { namespaces: {} } },
    })
    rules = JSON.parse(await cluster.kubectl('get', 'clusterrole', 'podroute', '-o', 'json')).rules
  })
  after(() => cluster?.[Symbol.asyncDispose]())

  it('is refused nothing, and uses every right that it has', async () => {
    await start(await cluster.token(), 'bgp: {peerDeadlineSeconds: 1}')
    await eventually(async () => (await followed()).length === KINDS.length)
    const event = /Warning +InvalidField .*metadata.annotations\[podroute.io\/service.scheduler\]/
    await eventually(async () => event.test(await cluster.kubectl('describe', 'service', 'odd')))
    const status = () => cluster.kubectl('get', 'cnp', 'some', '-o', 'jsonpath={.status.conditions[*].type}')
    await eventually(async () => (await status()) === 'Accepted', 30_000)
    await eventually(async () => (await requests()).some(({ what }) => what === 'patch nodes/status'), 30_000)
    const seen = await requests()
    expect(seen.filter(({ code }) => code >= 300)).to.deep.equal([])
    const granted = rules.flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    )
    const used = new Set(seen.map(({ what }) => what))
    expect([...used].sort()).to.deep.equal([...granted, 'get /version'].sort())
  })

  it('says what it may not follow and what to do, follows the rest, and goes on once it may', async () => {
    await setRules(rules.filter(({ resources }) => !resources.includes('endpointslices')))
    await eventually(async () => !(await may('list', 'endpointslices.discovery.k8s.io')))
    await start(await cluster.token())
    await eventually(async () => (await watches()).some((watch) => watch.failures >= 3))
    expect(await followed()).to.have.members(KINDS.filter((kind) => kind !== 'endpointslices'))
    const [line, ...more] = await cluster.said(node, 'watch failed, trying again')
    expect(more).to.deep.equal([])
    expect(line).to.include('"kind":"endpointslices"')
    expect(line).to.include(`User \\"${USER}\\" cannot list resource \\"endpointslices\\"`)
    expect(line).to.include('"todo":"allow list and watch on endpointslices: apply the ServiceAccount, ')
    const { stdout } = await cluster.podroute(node, 'status')
    expect(stdout).to.match(/^endpointslices +0 +endpointslices\.discovery\.k8s\.io is forbidden: /m)
    await setRules(rules)
    await eventually(async () => (await followed()).length === KINDS.length)
    expect(await cluster.said(node, 'watch works again')).to.have.length(1)
  })

  it('does without the ranges of Services where it may not follow them, says so once, and what to do', async () => {
    await setRules(rules.filter(({ resources }) => !resources.includes('servicecidrs')))
    await eventually(async () => !(await may('list', 'servicecidrs.networking.k8s.io')))
    await start(await cluster.token())
    const unavailable = async () => (await watches()).find(({ name }) => name === 'servicecidrs')?.unavailable
    await eventually(async () => (await unavailable()) === 'forbidden')
    await eventually(async () => (await followed()).length === KINDS.length - 1)
    expect(await cluster.said(node, 'watch failed, trying again {"kind":"servicecidrs"')).to.deep.equal([])
    expect(await cluster.said(node, 'doing without a kind of the API')).to.have.length(1)
    const { conditions } = await cluster.ask(node, '/status')
    const condition = conditions.find(({ name }) => name === 'servicecidrs')
    expect(condition).to.deep.include({ ok: false, advisory: true })
    expect(condition?.detail).to.match(/ is forbidden: .*: allow list and watch on servicecidrs: apply /)
    await setRules(rules)
    await eventually(async () => (await followed()).length === KINDS.length)
    expect(await unavailable()).to.equal(undefined)
  })

  it('says that its token is not taken', async () => {
    await start('not.a.token')
    const said = () => cluster.said(node, '"todo":"the credentials are not of this cluster or have expired')
    await eventually(async () => (await said()).length === AT_FIRST.length)
    await eventually(async () => (await watches()).every((watch) => watch.failures >= 2))
    expect(await said()).to.have.length(AT_FIRST.length)
  })
})
