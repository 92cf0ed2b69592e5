/** The pages for users say what is there: links, files, commands with their options, configuration, and figures. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { configPage } from '@podroute/agent/admin/config-page.ts'
import { explainPage } from '@podroute/agent/admin/explain-page.ts'
import { loadConfig } from '@podroute/agent/config/load.ts'
import { FEATURES } from '@podroute/agent/features.ts'
import { createPlugin } from '@podroute/cli/kubectl/plugin.ts'
import { createProgram } from '@podroute/cli/program.ts'
import { QUIET } from '@podroute/cli/testing/surroundings.ts'
import { dropsPage, policyPage } from '@podroute/network-policy/page.ts'
import { nodesPage, peersPage, routesPage } from '@podroute/pod-network/pages.ts'
import { announcementsPage } from '@podroute/pod-network/service-addresses/report.ts'
import { servicesPage } from '@podroute/service-proxy/page.ts'
import { expect } from 'chai'
import { parseAllDocuments } from 'yaml'
import { jsonSchema } from '../deploy/chart.ts'
import { makeCertificate } from './support/certificates.ts'
import { anchorsOf, codeSpans, commandsOf, fencesOf, linksOf, wordsOf } from './support/documents.ts'
import { TIERS } from './tiers.ts'

const DOCS = globSync('docs/*.md').sort()
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...DOCS]
const READMES = globSync('packages/*/README.md')
const read = (path: string) => readFileSync(path, 'utf8')
const never = (): never => {
  throw new Error('nothing is asked')
}

/** Names of the command `podroute` with their options. */
const PODROUTE = new Map(
  createProgram('0', QUIET, [
    ...[nodesPage(never), peersPage(never), routesPage(never), announcementsPage(never), servicesPage(never)],
    ...[policyPage(never), explainPage({} as never), dropsPage(never), configPage(never)].map((page) => ({
      ...page,
      follows: 'follows' in page && page.follows !== undefined,
    })),
  ] as never).commands.map((command) => [command.name(), command.options.map(({ long }) => long)]),
)
const PLUGIN_OPTIONS = createPlugin('0', 'kubectl', QUIET).options.map(({ long }) => long)
const SCRIPTS = Object.keys(JSON.parse(read('package.json')).scripts)
/** What `npm test` takes beside tiers. */
const TEST_OPTIONS = ['--help', '--kernels']
const LAB_COMMANDS = [...read('lab/main.ts').matchAll(/^ {2}(\w+)(?:: \w+)?,$/gm)].map(([, name]) => name!)
/** Programs of shells and machines, which are not ours. */
const FOREIGN =
  /^(apt-get|awk|cat|cosign|cp|curl|docker|done|echo|export|for|helm|if|ip|ipvsadm|kubectl|ls|mkdir|modprobe|nft|npx|openssl|printf|rm|scp|sed|sha256sum|sysctl|tail|until|vtysh|birdc|gobgp|bgpctl|\.\/join|[A-Za-z_]+=.*)$/

/** What is wrong with a command; undefined: every name of ours in it is known. */
function problem(command: string): string | undefined {
  const words = wordsOf(command.replace(/^\$ /, ''))
  const [program = '', second = ''] = words
  const rest = words.slice(words.indexOf('--') + 1)
  if (program === 'npm') return npmProblem(words)
  if (program === 'node') return existsSync(second) ? undefined : `no file ${second}`
  if (program === 'podroute') return podrouteProblem(words.slice(1))
  if (program === 'kubectl' && second === 'podroute') return pluginProblem(words.slice(2))
  if (!FOREIGN.test(program)) return `unknown program ${program}`
  if (program === 'kubectl' && words.includes('exec') && rest[0] === 'podroute')
    return words.includes('ds/podroute') ? podrouteProblem(rest.slice(1)) : 'no such pod'
  return fileProblem(words)
}

function npmProblem([, run, ...words]: readonly string[]): string | undefined {
  if (run === 'ci' || run === 'install') return undefined
  const [name, ...rest] = run === 'run' ? words : [run!, ...words]
  if (!SCRIPTS.includes(name!)) return `no script ${name}`
  const given = rest.slice(rest.indexOf('--') + 1)
  if (rest.includes('--') && name === 'test')
    return given.every((word) => TEST_OPTIONS.includes(word) || TIERS.some((tier) => tier.name === word))
      ? undefined
      : `no tier in ${given.join(' ')}`
  if (rest.includes('--') && name === 'lab' && !LAB_COMMANDS.includes(given[0]!)) return `no lab ${given[0]}`
  return undefined
}

function podrouteProblem([name, ...words]: readonly string[]): string | undefined {
  if (name === undefined || name.startsWith('-') || /^[A-Z…]+$/.test(name)) return undefined
  if (name === 'help') return podrouteProblem(words)
  const options = PODROUTE.get(name)
  if (!options) return `no command podroute ${name}`
  const unknown = words.filter((word) => word.startsWith('--') && !['--help', ...options].includes(word))
  return unknown.length === 0 ? undefined : `podroute ${name} has no ${unknown.join(' ')}`
}

/** Of kubectl's plugin, which has options of its own beside those of the commands. */
function pluginProblem([name, ...words]: readonly string[]): string | undefined {
  if (name === 'events') return undefined
  const own = words.filter((word) => PLUGIN_OPTIONS.includes(word))
  return podrouteProblem([name ?? '', ...words.filter((word) => !own.includes(word))])
}

/** Files of the repository are there. */
function fileProblem(words: readonly string[]): string | undefined {
  const missing = words.filter(
    (word) => /^(deploy|docs|lab|packages|test)\/[\w./-]+$/.test(word) && !existsSync(word),
  )
  return missing.length === 0 ? undefined : `no file ${missing.join(' ')}`
}

const isShell = ({ language, text }: { language: string; text: string }) =>
  /^sh\b/.test(language) || (language === '' && /^(npm|kubectl|docker|podroute|node) /m.test(text))

function shellProblems(path: string): string[] {
  return fencesOf(read(path))
    .filter(isShell)
    .flatMap(({ text, line, language }) =>
      // Lines of a plain block that are no commands are what one prints.
      commandsOf(text)
        .filter((command) => language !== '' || /^(npm|kubectl|docker|podroute|node) /.test(command))
        .flatMap((command) => {
          const found = problem(command)
          return found === undefined ? [] : [`${path}:${line}: ${command}: ${found}`]
        }),
    )
}

const KEYS = Object.keys(jsonSchema().properties ?? {})
const { cert, key } = makeCertificate('metrics')

/** @throws ConfigError */
function loadSnippet(text: string): void {
  const files = (path: string) => (path.endsWith('.crt') ? cert : path.endsWith('.key') ? key : 'secret')
  const flags = { configFile: 'config.yaml', overrides: [], nodeAddresses: ['172.30.0.11'] }
  loadConfig(flags, FEATURES, (path) => (path === 'config.yaml' ? text : files(path)))
}

/** Configuration that is shown: by its keys; objects of the API are not. */
function isConfiguration(text: string): boolean {
  const [first] = parseAllDocuments(text).map((document) => document.toJS())
  return typeof first !== 'object' || first === null || !('apiVersion' in first)
}

describe('the pages for users', () => {
  it('are all in the index, and the README is short', () => {
    const index = linksOf(read('docs/README.md'))
    const pages = DOCS.map((path) => path.slice('docs/'.length)).filter((name) => name !== 'README.md')
    expect(pages.filter((name) => !index.includes(name))).to.deep.equal([])
    expect(read('README.md').split('\n').length).to.be.below(200)
    expect(linksOf(read('README.md'))).to.include('docs/README.md')
  })

  it('lead somewhere: files and headings', () => {
    const dead = [...PAGES, ...READMES].flatMap((path) =>
      linksOf(read(path))
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => {
          const [file = '', anchor] = target.split('#')
          const to = file === '' ? path : normalize(join(dirname(path), file))
          return !existsSync(to) || (anchor !== undefined && !anchorsOf(read(to)).has(anchor))
        })
        .map((target) => `${path}: ${target}`),
    )
    expect(dead).to.deep.equal([])
  })

  it('show commands whose programs, files, scripts and options are there', () => {
    const all = [...PAGES, ...READMES]
    expect(
      all.flatMap((path) =>
        fencesOf(read(path))
          .filter(isShell)
          .flatMap(({ text }) => commandsOf(text)),
      ).length,
    ).to.be.above(100)
    expect(all.flatMap(shellProblems)).to.deep.equal([])
  })

  it('would not be believed about others', () => {
    const wrong = [
      ...['npm run nothing', 'npm test -- nothing', 'npm run lab -- nothing', 'node deploy/nothing.ts'],
      ...['podroute nothing', 'podroute drops --nothing', 'nothing', 'kubectl apply -f deploy/nothing.yaml'],
      'kubectl -n kube-system exec ds/podroute -c agent -- podroute nothing',
      ...['kubectl podroute nothing', 'kubectl podroute status --nothing'],
    ]
    expect(wrong.filter((command) => problem(command) === undefined)).to.deep.equal([])
  })

  it('name commands of podroute and npm in their text that are there', () => {
    const spans = [...PAGES, ...READMES].flatMap((path) =>
      codeSpans(read(path)).map((text) => [path, text] as const),
    )
    const named = spans.filter(([, text]) => /^((kubectl )?podroute [a-z]|npm (run|test))/.test(text))
    expect(named.length).to.be.above(60)
    const wrong = named.map(([path, text]) => [path, text, problem(text)])
    expect(wrong.filter(([, , found]) => found !== undefined)).to.deep.equal([])
  })

  it('show configuration that the agent takes', () => {
    const shown = [...PAGES, ...READMES].flatMap((path) =>
      fencesOf(read(path))
        .filter(({ language, text }) => /^yaml\b/.test(language) && isConfiguration(text))
        .map((fence) => ({ ...fence, path })),
    )
    expect(shown.length).to.be.above(15)
    for (const { path, line, text } of shown)
      expect(() => loadSnippet(text), `${path}:${line}`).to.not.throw()
    expect(() => loadSnippet('bgp: {nothing: 1}')).to.throw()
    expect(KEYS).to.include.members(['bgp', 'podNetwork', 'serviceProxy', 'networkPolicy'])
  })

  it('show figures that stand where they were measured', () => {
    const squeezed = (line: string) => line.replaceAll(/\s+/g, ' ').trim()
    const performance = read('docs/performance.md')
    const sources = linksOf(performance).map((to) => read(normalize(join('docs', to.split('#')[0]!))))
    const known = new Set(sources.flatMap((text) => text.split('\n')).map(squeezed))
    const rows = performance.split('\n').filter((line) => line.startsWith('|') && !/^[|: -]+$/.test(line))
    expect(rows.length).to.be.above(40)
    expect(rows.filter((row) => !known.has(squeezed(row)))).to.deep.equal([])
  })

  it('name files that are there', () => {
    const wrong = PAGES.flatMap((path) =>
      codeSpans(read(path))
        .filter((text) => /^(?:test|packages|deploy|lab|docs)\/[\w./-]+$/.test(text))
        .filter((text) => !existsSync(text) && globSync(`${text}{,.ts,*}`).length === 0)
        .map((text) => `${path}: ${text}`),
    )
    expect(wrong).to.deep.equal([])
  })
})
