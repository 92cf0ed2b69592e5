// The programs of other pod networks, which podroute is measured beside and nodes are moved from: built of checkouts of their repositories, which
// whoever measures names. What they import is from the Go module proxy; they themselves are not, as a whole: kindnet's plugin is a module
// within its module.

import { join } from 'node:path'
import { cached, fingerprint } from '../cache.ts'
import { run } from '../command.ts'
import { LabError } from '../errors.ts'

/** Folder of the checkout. @throws LabError that says how to get one */
function checkout(variable: string, repository: string, tag: string): string {
  const folder = process.env[variable]
  if (folder) return folder
  throw new LabError(
    'missing-prerequisite',
    `name its sources: git clone --depth 1 -b ${tag} ${repository} FOLDER, and ${variable}=FOLDER`,
  )
}

const FLAGS = ['-trimpath', '-buildvcs=false']

/** The folder with kindnetd and cni-kindnet, as its Dockerfile builds them. */
export async function buildKindnet(): Promise<string> {
  const sources = checkout('KINDNET_SOURCE', 'https://github.com/kubernetes-sigs/kindnet', 'v1.0.1')
  const { directory } = await cached('kindnet', fingerprint([sources]), async (into) => {
    await build(sources, '-ldflags', '-s -w', '-o', `${into}/`, './cmd/kindnetd')
    // SQLite is C; the program is static all the same.
    const tags = ['-tags', 'sqlite_omit_load_extension,osusergo,netgo']
    const flags = [...tags, '-ldflags', '-s -w -extldflags "-static"', '-o', `${into}/`, '.']
    await run('go', ['build', ...FLAGS, ...flags], {
      ...{ cwd: join(sources, 'cmd', 'cni-kindnet'), env: { CGO_ENABLED: '1' } },
    })
  })
  return directory
}

/** The folder with kube-router. */
export async function buildKubeRouter(): Promise<string> {
  const repository = 'https://github.com/cloudnativelabs/kube-router'
  const sources = checkout('KUBE_ROUTER_SOURCE', repository, 'v2.11.1')
  const { directory } = await cached('kube-router', fingerprint([sources]), (into) =>
    build(sources, '-ldflags', '-s -w', '-o', `${into}/`, './cmd/kube-router').then(() => {}),
  )
  return directory
}

const build = (cwd: string, ...args: readonly string[]): Promise<string> =>
  run('go', ['build', ...FLAGS, ...args], { cwd, env: { CGO_ENABLED: '0' } })
