/** Files that agents of other versions leave for the next one: those of 30 November 2026 as they are, and those of versions to come. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseNode } from '@podroute/cluster/objects/parse-node.ts'
import {
  KEPT_ANNOTATIONS,
  type KeptAnnotations,
} from '@podroute/pod-network/node-annotations/node-annotations.ts'
import {
  KEPT_POD_CIDRS,
  type KeptPodCidrs,
} from '@podroute/pod-network/node-annotations/pod-cidr-overrides.ts'
import { LAST_KNOWN, type LastKnown } from '@podroute/pod-network/nodes/last-known-nodes.ts'
import { expect } from 'chai'
import type * as z from 'zod'
import { FORMER_SHAPE, type FormerSysctls } from './cleanup/former-sysctls.ts'
import { CONFIG_TEXTS, type ConfigTexts } from './config/live-config.ts'
import { type RecordedRuns, RUNS } from './run-record.ts'
import { BootFile, StateFile } from './state-file.ts'

const GOLDEN = new URL('golden/', import.meta.url).pathname
const BOOT = 'baab78c5-fe06-4b15-9b82-fb262d0e3873'

/** Each with what the next agent goes by. */
const FILES = {
  'last-known-nodes': LAST_KNOWN,
  'node-annotations': KEPT_ANNOTATIONS,
  'pod-cidrs': KEPT_POD_CIDRS,
  runs: RUNS,
  'last-good-config': CONFIG_TEXTS,
  'former-sysctls': FORMER_SHAPE,
} satisfies Readonly<Record<string, z.ZodType>>
type Name = keyof typeof FILES
const NAMES = Object.keys(FILES) as Name[]

const golden = (name: Name) => readFileSync(`${GOLDEN}${name}.json`, 'utf8')

describe('the state that another version left', () => {
  let directory: string
  let warnings: unknown[]
  const log = { warn: (message: string, fields?: object) => void warnings.push({ message, ...fields }) }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'podroute-state-'))
    warnings = []
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const load = <Value>(name: Name, text: string): Value | undefined => {
    const path = join(directory, `${name}.json`)
    writeFileSync(path, text)
    if (name === 'last-known-nodes') return new BootFile<Value>(path, BOOT, log, FILES[name]).load()
    return new StateFile<Value>(path, log, FILES[name]).load()
  }

  it('is taken as it was recorded', () => {
    const nodes = load<LastKnown>('last-known-nodes', golden('last-known-nodes'))!
    expect(nodes.nodes.map((node) => parseNode(node).podCidrs.map(({ text }) => text))).to.deep.equal([
      ['10.244.0.0/24', 'fd10:244::/64'],
      ['10.244.1.0/24', 'fd10:244:0:1::/64'],
      ['10.244.2.0/24', 'fd10:244:0:2::/64'],
    ])
    expect(nodes.serviceRanges).to.deep.equal(['10.96.0.0/16', 'fd10:96::/112'])
    expect(load<KeptAnnotations>('node-annotations', golden('node-annotations'))!.said).to.deep.equal([])
    expect(load<KeptPodCidrs>('pod-cidrs', golden('pod-cidrs'))).to.deep.equal({
      'node-2': ['10.244.9.0/24'],
    })
    expect(load<RecordedRuns>('runs', golden('runs'))).to.deep.equal({ bootId: BOOT, starts: 1 })
    const texts = load<ConfigTexts>('last-good-config', golden('last-good-config'))!
    expect(texts['/etc/podroute/config.yaml']).to.include('asn: 64512')
    const former = load<FormerSysctls>('former-sysctls', golden('former-sysctls'))!
    expect(former.values.map(({ name }) => name)).to.include('net.ipv4.vs.conntrack')
    expect(warnings).to.deep.equal([])
  })

  it('may say more than this one knows', () => {
    for (const name of NAMES) {
      const known = JSON.parse(golden(name)) as object
      // Of those that are maps, each key means something.
      const isMap = name === 'pod-cidrs' || name === 'last-good-config'
      const more = isMap ? known : { ...known, version: 7, news: { of: ['tomorrow'] } }
      expect(load(name, JSON.stringify(more)), name).to.not.equal(undefined)
    }
    const { value, ...file } = JSON.parse(golden('last-known-nodes')) as { value: LastKnown }
    const nodes = value.nodes.map((node) => ({ ...node, subnets: [{ v6: true }] }))
    const loaded = load<LastKnown>(
      'last-known-nodes',
      JSON.stringify({ ...file, value: { ...value, nodes } }),
    )
    expect(loaded!.nodes.map(parseNode)).to.have.length(3)
    expect(warnings).to.deep.equal([])
  })

  it('is none where it is something else altogether, which is said', () => {
    for (const name of NAMES)
      for (const value of [
        null,
        [],
        5,
        'text',
        { value: 5, bootId: BOOT },
        { good: 5, values: 5, starts: 'x' },
      ]) {
        warnings = []
        expect(load(name, JSON.stringify(value)), `${name} ${JSON.stringify(value)}`).to.equal(undefined)
        expect(warnings, `${name} ${JSON.stringify(value)}`).to.have.length(1)
        expect(JSON.stringify(warnings)).to.include(`${name}.json`)
      }
  })

  it('is none where a Node of it is no Node', () => {
    const file = JSON.parse(golden('last-known-nodes')) as { value: { nodes: object[] } }
    file.value.nodes.push({ name: 'node-4', podCIDRs: 'all' })
    expect(load('last-known-nodes', JSON.stringify(file))).to.equal(undefined)
    expect(JSON.stringify(warnings)).to.include('value.nodes.3.podCIDRs')
  })
})
