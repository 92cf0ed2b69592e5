import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { DASHBOARD, dashboard } from '../deploy/observability/dashboard.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat: string
  }[]
}

interface Model {
  readonly id?: unknown
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly time: { readonly from: string; readonly to: string }
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
  readonly annotations: { readonly list: readonly unknown[] }
  readonly panels: readonly Panel[]
}

/** Panels that Grafana has without a plugin. */
const TYPES = ['row', 'stat', 'timeseries', 'table', 'gauge', 'bargauge', 'heatmap', 'text', 'state-timeline']
const COLUMNS = 24

/** What of Grafana's model of a dashboard does not hold (grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model). */
function problems({ panels, templating, schemaVersion, uid, title, id }: Model): readonly string[] {
  const variables = templating.list.map(({ name }) => name)
  const repeated = (values: readonly unknown[]) => values.filter((value, i) => values.indexOf(value) !== i)
  return [
    ...(id === undefined || id === null ? [] : ['its number is that of one Grafana']),
    ...(/^[\w-]{1,40}$/.test(uid) && title !== '' ? [] : ['no name']),
    ...(Number.isInteger(schemaVersion) && schemaVersion >= 16 ? [] : ['no version of the model']),
    ...repeated(panels.map((panel) => panel.id)).map((number) => `two panels are ${number}`),
    ...repeated(variables).map((name) => `two variables are ${name}`),
    ...panels.flatMap((panel) => panelProblems(panel, variables).map((text) => `${panel.title}: ${text}`)),
    ...panels.flatMap((panel, i) =>
      panels
        .slice(i + 1)
        .flatMap((other) => (overlap(panel, other) ? [`${panel.title} lies on ${other.title}`] : [])),
    ),
  ]
}

function panelProblems(
  { type, gridPos, datasource, targets = [] }: Panel,
  variables: readonly string[],
): string[] {
  const { x, y, w, h } = gridPos
  const used = [...JSON.stringify([datasource, targets]).matchAll(/\$(?:\{(\w+)[^}]*\}|(\w+))/g)]
  const unknown = used
    .map(([, braced, plain]) => braced ?? plain!)
    .filter((name) => !name.startsWith('__') && !variables.includes(name))
  const refs = targets.map(({ refId }) => refId)
  return [
    ...(TYPES.includes(type) ? [] : [`no panel ${type}`]),
    ...(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= COLUMNS ? [] : ['out of the grid']),
    ...(type === 'row' || (datasource !== undefined && targets.length > 0) ? [] : ['it asks nobody']),
    ...(new Set(refs).size === refs.length && !refs.includes('') ? [] : ['queries of one name']),
    ...(targets.every(({ expr }) => expr !== '') ? [] : ['an empty query']),
    ...unknown.map((name) => `no variable ${name}`),
  ]
}

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

describe('deploy/observability/dashboard.json', () => {
  const read = () => JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Model

  it('is what node deploy/observability/dashboard.ts makes', () => {
    expect(read()).to.deep.equal(JSON.parse(JSON.stringify(dashboard())))
  })

  it('is a dashboard as Grafana has them', () => {
    expect(read().panels.length).to.be.above(10)
    expect(problems(read())).to.deep.equal([])
  })

  it('would not be taken for one with a fault', () => {
    const model = read()
    const [first, second, ...rest] = model.panels
    const broken = (panel: Partial<Panel>) =>
      problems({ ...model, panels: [first!, { ...second!, ...panel }, ...rest] })
    for (const panel of [
      ...[{ id: first!.id }, { type: 'none' }, { gridPos: { ...second!.gridPos, x: 23 } }, { targets: [] }],
      ...[{ gridPos: rest[0]!.gridPos }, { datasource: { type: 'prometheus', uid: '$nothing' } }],
      { targets: [...second!.targets!, ...second!.targets!] },
    ])
      expect(broken(panel), JSON.stringify(panel)).not.to.deep.equal([])
    expect(problems({ ...model, uid: 'a b' })).to.deep.equal(['no name'])
  })
})
