/** Pages of the admin socket: the agent's state and what each feature knows, as JSON and as tables, read when asked. */
import type { EventStats } from '@podroute/cluster/events/recorder.ts'
import type { WatchStatus } from '@podroute/cluster/watch/resource-watch.ts'
import { type Condition, isReady } from '@podroute/feature/condition.ts'
import { type Handler, json } from '@podroute/feature/listener.ts'
import type { Page, PageQuery, PageText } from '@podroute/feature/page.ts'
import type { TrialsReport } from '@podroute/feature/trial.ts'
import type { TableStats } from '@podroute/reconcile/table.ts'
import type { Runs } from '../run-record.ts'
import type { RunningFeature } from '../running-features.ts'
import type { PagesReport, PlanReport, StatusReport } from './reports.ts'

export interface AgentState {
  readonly version: string
  readonly nodeName: string
  readonly runs: Runs
  /** Empty while none answers. */
  apiServer(): string
  watches(): readonly WatchStatus[]
  features(): readonly RunningFeature[]
  conditions(): readonly Condition[]
  /** What the agent itself has to show. */
  readonly pages: readonly Page[]
  /** What was said, and what was only counted. */
  noise(): Noise
}

export interface Noise {
  readonly events: EventStats
  readonly linesHeldBack: number
}

export function adminPages(state: AgentState): Handler {
  return (path, { query } = {}) => {
    const [, name = '', view] = path.split('/')
    if (name === 'status' && view === undefined) return json(status(state))
    if (name === 'plan' && view === undefined) return json(plan(state))
    if (name === 'pages' && view === undefined) return json(pageList(state))
    if (name === 'trials' && view === undefined) return json(trials(state))
    const page = pagesOf(state).find((candidate) => candidate.name === name)
    if (!page || (view !== undefined && view !== 'tables')) return undefined
    const answer = (asked: PageQuery) => json(view === undefined ? page.data(asked) : pageText(page, asked))
    return page.look ? page.look(query ?? {}).then(answer) : answer(query ?? {})
  }
}

/** Tables of all features, each under its feature's name: two may have a table of one name. */
export function tableStats(state: Pick<AgentState, 'features'>): Readonly<Record<string, TableStats>> {
  const named = state
    .features()
    .flatMap(({ name, feature }) =>
      Object.entries(feature.stats()).map(([table, stats]) => [`${name}/${table}`, stats] as const),
    )
  return Object.fromEntries(named)
}

function status(state: AgentState): StatusReport {
  const conditions = state.conditions()
  return {
    version: state.version,
    nodeName: state.nodeName,
    ready: isReady(conditions),
    uptime: process.uptime(),
    rss: process.memoryUsage.rss(),
    runs: state.runs,
    conditions,
    apiServer: state.apiServer(),
    watches: state.watches(),
    summary: state.features().flatMap(({ feature }) => feature.summary()),
    tables: tableStats(state),
  }
}

function plan(state: AgentState): PlanReport {
  const pending = state
    .features()
    .flatMap(({ name, feature }) =>
      [...feature.pending()].map((change) => ({ ...change, table: `${name}/${change.table}` })),
    )
  return { pending }
}

function trials(state: AgentState): TrialsReport {
  return { trials: state.features().flatMap(({ feature }) => feature.trial ?? []) }
}

function pageText(page: Page, query: PageQuery): PageText {
  const data = page.data(query)
  return { tables: page.tables(data), ...(page.follows ? { next: page.follows(data) } : {}) }
}

function pageList(state: AgentState): PagesReport {
  return {
    pages: pagesOf(state).map((page) => ({
      ...{ name: page.name, summary: page.summary },
      ...(page.arguments ? { arguments: page.arguments } : {}),
      ...(page.follows ? { follows: true } : {}),
    })),
  }
}

function pagesOf(state: AgentState): readonly Page[] {
  return [...state.pages, ...state.features().flatMap(({ feature }) => feature.pages)]
}
