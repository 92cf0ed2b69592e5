/** docs/json.md names every field of what commands answer, and no other, as their types say. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'

const DOCUMENT = readFileSync('docs/json.md', 'utf8')

/** Section, what stands before the fields, and the type that has them. */
const TYPES: readonly (readonly [section: string, before: string, file: string, type: string])[] = [
  ['status', '', 'agent/admin/reports.ts', 'StatusReport'],
  ['status', 'runs.', 'agent/run-record.ts', 'Runs'],
  ['status', 'runs.previous.', 'agent/run-record.ts', 'PreviousRun'],
  ['status', 'conditions.', 'feature/condition.ts', 'Condition'],
  ['status', 'watches.', 'cluster/watch/resource-watch.ts', 'WatchStatus'],
  ['status', 'tables.NAME.', 'reconcile/table.ts', 'TableStats'],
  ['plan', '', 'agent/admin/reports.ts', 'PlanReport'],
  ['plan', 'pending.', 'reconcile/flush-order.ts', 'PendingChange'],
  ['doctor', 'findings.', 'agent/doctor/check.ts', 'Finding'],
  ['cleanup', '', 'agent/cleanup/cleanup.ts', 'CleanupReport'],
  ['cleanup', 'items.', 'agent/cleanup/cleanup.ts', 'CleanupItem'],
  ['config', '', 'agent/admin/config-page.ts', 'ConfigReport'],
  ['config', 'values.', 'agent/config/values.ts', 'ConfigValue'],
  ['nodes', '', 'pod-network/pages.ts', 'NodesReport'],
  ['nodes', 'nodes.', 'pod-network/status.ts', 'KeyReport'],
  ['peers', '', 'pod-network/pages.ts', 'PeersReport'],
  ['peers', 'peers.', 'pod-network/snapshot.ts', 'NamedPeer'],
  ['peers', 'peers.', 'bgp-speaker-ts/snapshot.ts', 'PeerSnapshot'],
  ['routes', '', 'pod-network/pages.ts', 'RoutesReport'],
  ['routes', 'routes.', 'pod-network/route-sources/route-report.ts', 'RouteSnapshot'],
  ['services', '', 'service-proxy/page.ts', 'ServicesReport'],
  ['services', 'services.', 'service-proxy/snapshot.ts', 'ServiceSnapshot'],
  ['services', 'services.frontends.', 'service-proxy/snapshot.ts', 'FrontendSnapshot'],
  ['services', 'problems.', 'service-proxy/types.ts', 'Problem'],
  ['announcements', '', 'pod-network/service-addresses/report.ts', 'AnnouncementsReport'],
  ['announcements', 'announcements.', 'pod-network/service-addresses/report.ts', 'AnnouncedPrefix'],
  ['announcements', 'problems.', 'pod-network/service-addresses/report.ts', 'AnnouncementProblem'],
  ['policy', '', 'network-policy/snapshot.ts', 'PolicyReport'],
  ['policy', 'pods.', 'network-policy/snapshot.ts', 'PodPolicies'],
  ['policy', 'problems.', 'network-policy/snapshot.ts', 'PolicyProblem'],
  ['drops', '', 'network-policy/page.ts', 'DropsReport'],
  ['drops', 'counts.', 'network-policy/denied/denied-counts.ts', 'DeniedCount'],
  ['kubectl podroute', '', 'cli/kubectl/cluster-status.ts', 'ClusterStatus'],
  ['kubectl podroute', 'nodes.', 'cli/kubectl/cluster-status.ts', 'NodeStatus'],
]

/** Without the marks of lists, and each with what is around it. */
function documented(section: string): ReadonlySet<string> {
  const text = DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? ''
  const fields = text.split('\n').flatMap((line) => /^\| (`.*?`) +\|/.exec(line)?.[1] ?? [])
  const names = fields.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
  return new Set(
    names.flatMap((name) => {
      const parts = name.replaceAll('[]', '').split('.')
      return parts.map((_, i) => parts.slice(0, i + 1).join('.'))
    }),
  )
}

function fieldsOf(file: string, type: string): readonly string[] {
  const source = readFileSync(`packages/${file}`, 'utf8')
  const [, body = ''] = new RegExp(`interface ${type} [^{]*\\{\\n(.*?)\\n\\}`, 's').exec(source) ?? []
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name!)
}

describe('docs/json.md', () => {
  it('names every field that commands answer with', () => {
    const missing = TYPES.flatMap(([section, before, file, type]) => {
      const fields = fieldsOf(file, type)
      expect(fields, type).not.to.deep.equal([])
      return fields
        .filter((field) => !documented(section).has(`${before}${field}`))
        .map((field) => `${section}: ${before}${field} (${type})`)
    })
    expect(missing).to.deep.equal([])
  })

  it('names no field of theirs that is not there', () => {
    for (const [section, before] of TYPES) {
      const own = TYPES.filter(([of, at]) => of === section && at === before)
      const known = own.flatMap(([, , file, type]) => fieldsOf(file, type))
      const named = [...documented(section)].filter(
        (path) => path.startsWith(before) && !path.slice(before.length).includes('.'),
      )
      const more = named.map((path) => path.slice(before.length)).filter((name) => !known.includes(name))
      const elsewhere = ELSEWHERE[`${section} ${before}`] ?? []
      expect(more, `${section} ${before}`).to.have.members(elsewhere)
    }
  })
})

/** Fields that other types have. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'drops counts.': ['pod'],
  'kubectl podroute nodes.': ['status', 'answer', 'error'],
}
