// The images that upstream's tests name, made here of upstream's programs and of Debian's: no image registry.

import { chmod, copyFile, link, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { cached, fingerprint, fingerprintFiles } from '../cache.ts'
import { run } from '../command.ts'
import { linkerFlags, QUICKER } from '../control-plane/build.ts'
import { archiveTree, type ImageName, makeFolders } from '../images/archive.ts'
import { linkApplets } from '../images/pods.ts'

const KUBERNETES = join(import.meta.dirname, '..', 'control-plane')
const REGISTRY = 'registry.k8s.io/e2e-test-images'

const PAUSE = { entrypoint: ['/agnhost', 'pause'] }
const WEB_SERVER = { entrypoint: ['/agnhost', 'netexec', '--http-port=80'] }

/** Named and versioned as test/utils/image/manifest.go of this Kubernetes has them. */
export const UPSTREAM_IMAGES: readonly ImageName[] = [
  { reference: `${REGISTRY}/agnhost:2.59`, entrypoint: ['/agnhost'], command: ['pause'] },
  { reference: `${REGISTRY}/jessie-dnsutils:1.7`, ...PAUSE },
  // The cases want a server that stays, whoever it is.
  { reference: `${REGISTRY}/nginx:1.14-4`, ...WEB_SERVER },
  { reference: `${REGISTRY}/nginx:1.15-4`, ...WEB_SERVER },
  { reference: 'registry.k8s.io/pause:3.10.1', ...PAUSE },
  { reference: `${REGISTRY}/regression-issue-74839:1.4`, entrypoint: ['/regression-issue-74839'] },
]
const BUSYBOX_IMAGE: ImageName = {
  reference: `${REGISTRY}/busybox:1.37.0-1`,
  entrypoint: [],
  command: ['/bin/sh'],
}

/**
 * Real programs in place of busybox's: its `sh` would run its own `nc` and `wget`, whatever PATH says, and its `nc`
 * lacks options that the tests give.
 */
const DEBIAN_PROGRAMS: Readonly<Record<string, string>> = {
  bash: '/bin/bash',
  curl: '/usr/bin/curl',
  dig: '/usr/bin/dig',
  ip: '/bin/ip',
  nc: '/bin/nc.openbsd',
  sh: '/bin/dash',
  ss: '/bin/ss',
  // Statically linked, busybox's crashes in a pod that has the node's network: it asks for names by libraries of its own.
  wget: '/usr/bin/wget',
}

const BUSYBOX = '/bin/busybox'

/** The program agnhost is called by: see its source. */
async function buildAgnhost(): Promise<string> {
  const sources = ['main.go', 'sctp.go'].map((name) => join(KUBERNETES, 'agnhost', name))
  const modules = ['go.mod', 'go.sum'].map((name) => join(KUBERNETES, name))
  const key = fingerprintFiles(KUBERNETES, [...sources, ...modules], [process.arch])
  const { directory } = await cached('agnhost', key, async (into) => {
    const flags = [...QUICKER.flags, '-trimpath', '-buildvcs=false', '-ldflags', linkerFlags()]
    await run('go', ['build', ...flags, '-o', `${into}/`, './agnhost'], {
      ...{ cwd: KUBERNETES, env: { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', ...QUICKER.env } },
    })
  })
  return join(directory, 'agnhost')
}

/** Paths of the two archives. */
export async function buildUpstreamImages(programs: string): Promise<string[]> {
  const agnhost = await buildAgnhost()
  const sources = [BUSYBOX, ...Object.values(DEBIAN_PROGRAMS)]
  const key = fingerprint([
    programs,
    agnhost,
    JSON.stringify([UPSTREAM_IMAGES, BUSYBOX_IMAGE, DEBIAN_PROGRAMS]),
    ...(await Promise.all(sources.map((path) => readFile(path)))),
  ])
  const { directory } = await cached('upstream-images', key, async (into) => {
    await archive(join(into, 'agnhost.tar'), UPSTREAM_IMAGES, (tree) => makeTestTree(tree, programs, agnhost))
    await archive(join(into, 'busybox.tar'), [BUSYBOX_IMAGE], (tree) => makeBusyboxTree(tree))
  })
  return ['agnhost.tar', 'busybox.tar'].map((name) => join(directory, name))
}

async function archive(
  file: string,
  images: readonly ImageName[],
  fill: (tree: string) => Promise<void>,
): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'podroute-tree-'))
  try {
    await chmod(tree, 0o755)
    await fill(tree)
    await archiveTree(tree, images, file)
  } finally {
    await rm(tree, { recursive: true, force: true })
  }
}

async function makeBusyboxTree(tree: string): Promise<void> {
  await makeFolders(tree, ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'root'])
  await copyFile(BUSYBOX, join(tree, 'bin', 'busybox'))
  await linkApplets(join(tree, 'bin'))
}

async function makeTestTree(tree: string, programs: string, agnhost: string): Promise<void> {
  await makeBusyboxTree(tree)
  await makeFolders(tree, ['uploads'])
  await copyFile(agnhost, join(tree, 'agnhost'))
  await copyFile(join(programs, 'agnhost'), join(tree, 'agnhost-whole'))
  await copyFile(join(programs, 'regression-issue-74839'), join(tree, 'regression-issue-74839'))
  await link(join(tree, 'agnhost'), join(tree, 'agnhost-2'))
  await writeFile(join(tree, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
  for (const [name, path] of Object.entries(DEBIAN_PROGRAMS)) {
    const target = join(tree, 'bin', name)
    await rm(target, { force: true })
    await copyFile(await realpath(path), target)
    await copyLibraries(tree, path)
  }
}

/** Copies the shared libraries of a program to the paths where the loader looks for them. */
async function copyLibraries(tree: string, program: string): Promise<void> {
  const text = await run('ldd', [program])
  for (const [, library] of text.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)) {
    const target = join(tree, library!)
    await mkdir(dirname(target), { recursive: true })
    await copyFile(await realpath(library!), target)
  }
}
