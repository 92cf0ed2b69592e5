// Everything that is made before the lab starts, each kept in the cache; what can overlap does.

import { buildControlPlane } from './control-plane/build.ts'
import { buildBase } from './images/base.ts'
import { buildPodrouteImage } from './images/podroute.ts'
import { buildPodImages } from './images/pods.ts'
import { buildImageStore, cachedArchive } from './images/store.ts'
import { buildLoad } from './load/build.ts'
import type { Kernel } from './node/kernel.ts'
import { machineKind, prepareKernel } from './node/machine.ts'
import { checkMachine, installPackages, labPackages } from './prerequisites.ts'
import type { Progress, Report } from './progress.ts'
import { buildTools } from './tools/build.ts'
import { buildHelm } from './tools/helm.ts'
import { fetchNode22 } from './tools/node-22.ts'
import { buildReferencePlugins } from './tools/reference-plugins.ts'
import { buildUpstreamImages } from './upstream/images.ts'
import { buildUpstream } from './upstream/programs.ts'

export interface Prepared {
  readonly programs: string
  readonly tools: string
  readonly kernel: Kernel
  readonly imageStore: string
}

/** Packages of the Go tool's output, a line each. */
function counting(report: Report, what: string): (text: string) => void {
  let count = 0
  return (text) => {
    count += text.split('\n').length - 1
    report(`${count} ${what}`)
  }
}

function lastLine(report: Report): (text: string) => void {
  return (text) => {
    const line = text.trim().split('\n').at(-1)
    if (line) report(line.slice(0, 100))
  }
}

export interface PrepareOptions {
  /** Also what only the tests and benchmarks need. */
  readonly tests?: boolean
  /** Also upstream's end-to-end tests, with their images for the nodes. */
  readonly upstream?: boolean
  /** Archives of images that the nodes have beside those of the lab. */
  readonly images?: readonly string[]
}

/** Checks the machine, installs packages, builds Kubernetes, the images, and makes the kernel. */
export async function prepare(progress: Progress, options: PrepareOptions = {}): Promise<Prepared> {
  await checkMachine()
  const building = progress.step('build Kubernetes and etcd', (report) =>
    buildControlPlane(counting(report, 'packages compiled')),
  )
  // After the control plane: they share most of their packages.
  const upstream = options.upstream ? building.then(() => prepareUpstream(progress)) : undefined
  upstream?.catch(() => {})
  const { images = [], tests = false } = options
  const rest = afterPackages(progress, images, tests || options.upstream === true, upstream)
  // The first failure ends the start; the other side's is then no news.
  building.catch(() => {})
  rest.catch(() => {})
  const [programs, others] = await Promise.all([building, rest])
  return { programs, ...others }
}

async function prepareUpstream(progress: Progress): Promise<string> {
  const programs = await progress.step('build upstream’s tests', (report) =>
    buildUpstream(counting(report, 'packages compiled')),
  )
  await progress.step('build Helm', buildHelm)
  return programs
}

async function afterPackages(
  progress: Progress,
  more: readonly string[],
  tests: boolean,
  upstream?: Promise<string>,
): Promise<Omit<Prepared, 'programs'>> {
  await progress.step(
    'install packages',
    (report) => installPackages(tests ? undefined : labPackages(machineKind()), lastLine(report)),
    (names) => (names.length === 0 ? 'all there' : names.join(' ')),
  )
  const [tools, , kernel, imageStore] = await Promise.all([
    buildTools(),
    buildLoad(),
    progress.step(
      'make the nodes’ kernel',
      (report) => prepareKernel(counting(report, 'files made')),
      ({ version }) => version,
    ),
    prepareImages(progress, more, upstream),
    tests ? prepareTests(progress) : undefined,
  ])
  return { tools, kernel, imageStore }
}

async function prepareTests(progress: Progress): Promise<void> {
  await Promise.all([
    progress.step('build the reference CNI plugins', buildReferencePlugins),
    progress.step('fetch Node.js 22', fetchNode22),
  ])
}

async function prepareImages(
  progress: Progress,
  more: readonly string[],
  upstream?: Promise<string>,
): Promise<string> {
  const base = progress.step('make the base image', () => buildBase())
  base.catch(() => {})
  const pods = await progress.step('make the pods’ images', buildPodImages)
  await base
  const podroute = await progress.step('build podroute’s image', buildPodrouteImage)
  const programs = await upstream
  const tests =
    programs === undefined
      ? []
      : await progress.step('make the images of upstream’s tests', () => buildUpstreamImages(programs))
  return progress.step('unpack the images for the nodes', async () =>
    buildImageStore(await Promise.all([pods, podroute, ...tests, ...more].map(cachedArchive))),
  )
}
