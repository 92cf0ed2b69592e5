import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { seeded, testSeed } from '@podroute/reconcile/testing/random.ts'
import { expect } from 'chai'
import { KUBECONFIGS } from '../testing/prepare-node-suite.ts'
import { serverOf } from './kubeconfig.ts'

/** As the agent reads it; undefined where it does not. */
function readByClient(text: string): string | undefined {
  try {
    const config = new KubeConfig()
    config.loadFromString(text)
    return config.getCurrentCluster()?.server
  } catch {
    return undefined
  }
}

/** What means something in YAML, and some that does not. */
const PIECES = [
  ...[
    ':',
    '-',
    '#',
    "'",
    '"',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    '!',
    '!!str',
    '|',
    '>',
    '%',
    '@',
    '`',
    ',',
    '?',
  ],
  ...[
    '\t',
    ' ',
    '  ',
    '\n',
    '\\',
    '~',
    'true',
    'null',
    '0',
    '1e3',
    'é',
    '---',
    '...',
    ': ',
    ' #',
    '\r\n',
    '<<',
  ],
]
const ROUNDS = 4000

describe('a kubeconfig that is read without a reader of all YAML', () => {
  const seed = testSeed()

  it(`is never misread: with anything put in, taken out or moved, seed ${seed}`, () => {
    const random = seeded(seed)
    const below = (limit: number) => Math.floor(random() * limit)
    let read = 0
    for (let round = 0; round < ROUNDS; round++) {
      let text = KUBECONFIGS[below(KUBECONFIGS.length)]!
      for (let change = below(3); change >= 0; change--) text = changed(text, below)
      const server = serverOf(text)
      if (server === undefined) continue
      read++
      expect(server, `seed ${seed}:\n${text}`).to.equal(readByClient(text))
    }
    expect(read, 'most changes change nothing that counts').to.be.greaterThan(ROUNDS / 10)
  })

  it('has a server in its current context, or is left to others', () => {
    const [text = ''] = KUBECONFIGS
    expect(serverOf(text)).to.equal('https://192.0.2.1:6443')
    for (const [from, to] of [
      ['current-context: ', 'current-context: no-'],
      ['current-context: ', 'current: '],
      ['    server: ', '    host: '],
      ['    cluster: kubernetes', '    cluster: others'],
      ['- name: system:node:node-1', '- user-name: system:node:node-1'],
      ['server: https', 'server: &server https'],
      ['preferences: {}', 'preferences: {colors: true}'],
      ['  name: kubernetes\n', '  name: kubernetes\n  name: kubernetes\n'],
      ['  name: kubernetes\n', '  name: 7\n'],
    ] as const) {
      expect(text, from).to.include(from)
      expect(serverOf(text.replace(from, to)), to).to.equal(undefined)
    }
  })
})

function changed(text: string, below: (limit: number) => number): string {
  const lines = text.split('\n')
  const [at, other] = [below(text.length), below(lines.length)]
  switch (below(5)) {
    case 0:
      return text.slice(0, at) + PIECES[below(PIECES.length)] + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + below(3))
    case 2:
      return lines.toSpliced(other, 1).join('\n')
    case 3:
      return lines.toSpliced(other, 0, lines[below(lines.length)]!).join('\n')
    default:
      return lines.with(other, `${' '.repeat(below(6))}${lines[other]!.trimStart()}`).join('\n')
  }
}
