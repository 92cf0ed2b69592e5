/** What changed between two reports, as lines of the timeline. Pure. */
import type { AgentReport, Change, ClusterReport } from './report.ts'

type Line = Pick<Change, 'kind' | 'text'>

export function agentChanges(before: AgentReport, after: AgentReport): readonly Line[] {
  if (before.error !== after.error)
    return after.error === undefined
      ? [good('the agent answers')]
      : [bad(`the agent cannot be asked: ${after.error}`)]
  return [
    ...(before.version === after.version ? [] : [news(`the agent is version ${after.version} now`)]),
    ...conditionChanges(before, after),
    ...sessionChanges(before, after),
    ...(before.counts.installed === after.counts.installed
      ? []
      : [news(`routes in the kernel: ${before.counts.installed} → ${after.counts.installed}`)]),
    ...(before.ready === after.ready
      ? []
      : [after.ready ? good('the node has its network') : bad('the node does not have its network')]),
  ]
}

export function clusterChanges(before: ClusterReport, after: ClusterReport): readonly Line[] {
  const nodes = new Map(before.nodes.map((node) => [node.name, node]))
  const services = new Map(before.services.map((service) => [service.key, service]))
  const lines: Line[] = []
  for (const { name } of after.nodes) if (!nodes.delete(name)) lines.push(news(`Node ${name} is new`))
  for (const name of nodes.keys()) lines.push(news(`Node ${name} is gone`))
  for (const { key, state, endpoints } of after.services) {
    const old = services.get(key)
    services.delete(key)
    if (!old) lines.push(news(`Service ${key} is new`))
    else if (old.endpoints !== endpoints)
      lines.push((endpoints === 0 ? bad : news)(`Service ${key}: endpoints ${old.endpoints} → ${endpoints}`))
    if (old && old.state !== state) lines.push((isWell(state) ? good : bad)(`Service ${key} is ${state}`))
  }
  for (const key of services.keys()) lines.push(news(`Service ${key} is gone`))
  return lines
}

function conditionChanges(before: AgentReport, after: AgentReport): readonly Line[] {
  const old = new Map(before.conditions.map((condition) => [condition.name, condition]))
  return after.conditions.flatMap(({ name, ok, detail, advisory }) => {
    if ((old.get(name)?.ok ?? true) === ok) return []
    return [ok ? good(`${name} is well`) : (advisory ? news : bad)(`${name}: ${detail}`)]
  })
}

function sessionChanges(before: AgentReport, after: AgentReport): readonly Line[] {
  const old = new Map(before.sessions.map(({ name, state }) => [name, state]))
  const lines: Line[] = []
  for (const { name, state } of after.sessions) {
    const was = old.get(name)
    old.delete(name)
    if ((was ?? 'established') === state || !(isUp(was) || isUp(state))) continue
    lines.push(
      isUp(state) ? good(`session with ${name} is up`) : bad(`session with ${name} is down: ${state}`),
    )
  }
  // Of many, those that are up are not told.
  const all = after.sessions.length === after.counts.sessions
  for (const [name, was] of old)
    if (!isUp(was) && !all) lines.push(good(`session with ${name} is up`))
    else if (all) lines.push(news(`no session with ${name} any more`))
  return lines
}

function isUp(state: string | undefined): boolean {
  return state === undefined || state === 'established'
}

function isWell(state: string): boolean {
  return state === 'in-place'
}

const good = (text: string): Line => ({ kind: 'good', text })
const bad = (text: string): Line => ({ kind: 'bad', text })
const news = (text: string): Line => ({ kind: 'news', text })
